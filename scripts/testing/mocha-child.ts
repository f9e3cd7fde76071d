/**
 * Runs test files with mocha and sends their Outcome to the parent process.
 * Arguments: a JSON object of ChildOptions. Prints a line per file, or per test when asked.
 */
import Mocha from "mocha";
import "../../test/support/property-seed.ts";
import type { Failure, Outcome, Skip } from "./outcome.ts";

export interface ChildOptions {
  readonly files: readonly string[];
  readonly timeoutMs: number;
  readonly eachTest: boolean;
  /** Only counts the tests: all come out as skipped for this reason. */
  readonly skipReason?: string;
}

interface Skippable {
  skipReason?: string;
  parent?: Skippable;
}

const options: ChildOptions = JSON.parse(process.argv[2] ?? "{}");
const mocha = new Mocha({
  timeout: options.timeoutMs,
  forbidOnly: true,
  reporter: class SilentReporter {} as unknown as Mocha.ReporterConstructor,
  dryRun: options.skipReason !== undefined,
});
for (const file of options.files) mocha.addFile(file);
await mocha.loadFilesAsync();

let passed = 0;
const failures: Failure[] = [];
const skips: Skip[] = [];
let current = { file: "", count: 0, startMs: 0 };

mocha
  .run()
  .on("test end", (test) => perFile(test.file ?? ""))
  .on("pass", (test) => {
    if (options.skipReason !== undefined) {
      skips.push({ title: test.fullTitle(), reason: options.skipReason });
      return;
    }
    passed += 1;
    if (options.eachTest) print(`  ok    ${test.fullTitle()} (${test.duration ?? 0} ms)`);
  })
  .on("pending", (test) => {
    const reason = options.skipReason ?? reasonOf(test as unknown as Skippable);
    if (reason === undefined) {
      fail(test.fullTitle(), "skipped without a reason: use skip() of test/support/skip.ts");
      return;
    }
    skips.push({ title: test.fullTitle(), reason });
    if (options.eachTest) print(`  skip  ${test.fullTitle()}: ${reason}`);
  })
  .on("fail", (test, error: unknown) => {
    fail(test.fullTitle(), error instanceof Error ? (error.stack ?? error.message) : String(error));
  })
  .on("end", () => {
    endFile();
    const outcome: Outcome = { passed, failures, skips };
    // A test that leaves a handle open must not hold the run; the message is out when the callback comes.
    if (process.send) process.send(outcome, undefined, undefined, () => process.exit());
    else process.exit(failures.length > 0 ? 1 : 0);
  });

function fail(title: string, message: string): void {
  failures.push({ title, message });
  print(`  FAIL  ${title}\n${indent(message)}`);
}

function perFile(file: string): void {
  if (file !== current.file) {
    endFile();
    current = { file, count: 0, startMs: performance.now() };
  }
  current.count += 1;
}

function endFile(): void {
  if (current.count === 0 || options.eachTest || options.skipReason !== undefined) return;
  print(`  ${current.file.replace(/^(.*\/)?build\//, "").replace(/\.js$/, ".ts")}: ${current.count}`);
}

/** Set by skip() on the test, or on the suite of the hook that skipped. */
function reasonOf(test: Skippable): string | undefined {
  for (let at: Skippable | undefined = test; at !== undefined; at = at.parent) {
    if (at.skipReason !== undefined) return at.skipReason;
  }
  return undefined;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "        ");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
