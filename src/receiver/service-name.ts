/** What a process is called when nobody named it. Pure. */

/** `/usr/bin/python3.11` runs a program that is not itself. */
const INTERPRETERS: readonly [RegExp, (args: readonly string[]) => string | undefined][] = [
  [/^(?:node|nodejs|bun|deno)$/, (args) => scriptName(args, NODE_VALUE_OPTIONS)],
  [/^(?:python|pypy)[\d.]*$/, pythonName],
  [/^java$/, javaName],
  [/^(?:ruby|perl|php|bash|sh|dash|zsh)[\d.]*$/, (args) => scriptName(args, SCRIPT_VALUE_OPTIONS)],
  [/^dotnet$/, (args) => scriptName(args, [])],
];

/** Options whose value is the next argument. */
const NODE_VALUE_OPTIONS = ["-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"];
const SCRIPT_VALUE_OPTIONS = ["-I", "-r", "-d", "-c", "-t", "-S"];
/** Options with which there is no script: the program is in the argument. */
const INLINE_OPTIONS = ["-e", "--eval", "-p", "--print", "-c"];
const JAVA_VALUE_OPTIONS = ["-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules"];
const PYTHON_VALUE_OPTIONS = ["-W", "-X", "--check-hash-based-pycs"];
const LAUNCHER_WORDS = ["run", "exec"];

/** `node app.js` is app, `python -m http.server` is http.server, `java -jar x.jar` is x; undefined: nothing better. */
export function programName(executableName: string, commandLine: readonly string[]): string | undefined {
  for (const [pattern, nameOf] of INTERPRETERS) {
    if (pattern.test(executableName)) return nameOf(commandLine.slice(1));
  }
  return undefined;
}

function scriptName(args: readonly string[], valueOptions: readonly string[]): string | undefined {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (INLINE_OPTIONS.includes(arg)) return undefined;
    if (valueOptions.includes(arg)) i++;
    else if (!arg.startsWith("-") && !LAUNCHER_WORDS.includes(arg)) return withoutExtension(arg);
  }
  return undefined;
}

function pythonName(args: readonly string[]): string | undefined {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    // `-um mod` and `-mmod` are written too.
    const module = /^-[bBdEhiIOqsSuvVx]*m(.*)$/.exec(arg);
    if (module !== null) return module[1] === "" ? args[i + 1] : module[1];
    if (/^-[bBdEhiIOqsSuvVx]*c/.test(arg)) return undefined;
    if (PYTHON_VALUE_OPTIONS.includes(arg)) i++;
    else if (!arg.startsWith("-")) return withoutExtension(arg);
  }
  return undefined;
}

function javaName(args: readonly string[]): string | undefined {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "-jar") return args[i + 1] === undefined ? undefined : withoutExtension(args[i + 1] ?? "");
    if (arg === "-m" || arg === "--module") return args[i + 1]?.split("/")[0];
    if (JAVA_VALUE_OPTIONS.includes(arg)) i++;
    else if (!arg.startsWith("-") && !arg.startsWith("@")) return arg.split(".").at(-1);
  }
  return undefined;
}

const SCRIPT_EXTENSION = /\.(?:[cm]?[jt]s|py|pyc|rb|ru|pl|php|sh|jar|war|dll)$/;

function withoutExtension(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1).replace(SCRIPT_EXTENSION, "");
  return name === "" || name === "." ? undefined : name;
}

/** `/system.slice/nginx.service` is nginx. A user's manager and a login session are no services. */
export function systemdUnit(cgroupPath: string | undefined): string | undefined {
  const unit = /(?:^|\/)([^/]+)\.service$/.exec(cgroupPath ?? "")?.[1];
  return unit === undefined || unit.startsWith("user@") ? undefined : unit.replace(/\\x([0-9a-f]{2})/g, unescapeHex);
}

/** systemd.unit(5), "String escaping for inclusion in unit names". */
function unescapeHex(_: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}
