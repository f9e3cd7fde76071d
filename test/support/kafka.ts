/**
 * Apache Kafka as Maven Central has it: one node that is broker and controller (KRaft), and its own tools. The jars are
 * those in SOCKSPAN_KAFKA_LIB, or what Maven fetches once into the user's cache.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { runClient } from "./backends.ts";
import { freePort } from "./free-port.ts";
import { Program } from "./program.ts";
import type { Scratch } from "./scratch.ts";

const POM = "test/e2e/programs/kafka/pom.xml";
const FETCH_MS = 90_000;
/** The tools live for seconds: quick to start counts more than quick to run. */
const JAVA = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const CLUSTER_ID = "c29ja3NwYW4tdGVzdC1rYQ";

/** Folder of the jars, or why there is none. */
export function kafkaLibrary(): { readonly folder: string } | { readonly missing: string } {
  const given = process.env["SOCKSPAN_KAFKA_LIB"];
  if (given !== undefined) return hasKafka(given) ? { folder: given } : { missing: `no Kafka in ${given}` };
  if (spawnSync("java", ["-version"]).status !== 0) return { missing: "java is not installed" };
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sockspan", "kafka-3.9.1");
  if (hasKafka(folder)) return { folder };
  if (spawnSync("mvn", ["-v"]).status !== 0) {
    return { missing: "neither SOCKSPAN_KAFKA_LIB (a folder of Kafka's jars) nor mvn is there" };
  }
  const part = `${folder}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  const fetched = spawnSync(
    "mvn",
    ["-q", "-B", "-f", POM, "dependency:copy-dependencies", `-DoutputDirectory=${part}`, "-DincludeScope=runtime"],
    { encoding: "utf8", timeout: FETCH_MS },
  );
  if (fetched.status === 0 && hasKafka(part)) renameSync(part, folder);
  else rmSync(part, { recursive: true, force: true });
  return hasKafka(folder) ? { folder } : { missing: `Maven did not fetch Kafka: ${firstLine(fetched.stdout)}` };
}

export interface KafkaOptions {
  readonly port?: number;
  readonly configuration?: (controllerPort: number) => readonly string[];
  /** More arguments of the tool that formats its storage. */
  readonly format?: readonly string[];
}

export class KafkaServer {
  readonly port: number;
  readonly #java: readonly string[];
  readonly #requestLog: string;
  readonly #scratch: Scratch;

  private constructor(port: number, java: readonly string[], requestLog: string, scratch: Scratch) {
    this.port = port;
    this.#java = java;
    this.#requestLog = requestLog;
    this.#scratch = scratch;
  }

  /** @param options a port that is known before, and lines more of its configuration */
  static async start(scratch: Scratch, library: string, options: KafkaOptions = {}): Promise<KafkaServer> {
    const port = options.port ?? (await freePort());
    const controllerPort = await freePort();
    const [config, logging, requestLog] = ["kafka.properties", "log4j.properties", "requests.log"].map((name) =>
      scratch.path(name),
    ) as [string, string, string];
    const lines = configuration(port, controllerPort, scratch.path("kafka-data"));
    await writeFile(config, [lines, ...(options.configuration?.(controllerPort) ?? []), ""].join("\n"));
    await writeFile(logging, loggingConfiguration(requestLog));
    const jars = readdirSync(library).filter((name) => name.endsWith(".jar") && !/^slf4j-simple/.test(name));
    const path = jars.map((name) => join(library, name)).join(":");
    const java = [...JAVA, "-cp", path, `-Dlog4j.configuration=file:${logging}`];
    await runClient(scratch, [
      ...java,
      "kafka.tools.StorageTool",
      "format",
      "-t",
      CLUSTER_ID,
      "-c",
      config,
      ...(options.format ?? []),
    ]);
    scratch.keep(await Program.start([...java, "kafka.Kafka", config], { readyOutput: /Kafka Server started/ }));
    return new KafkaServer(port, java, requestLog, scratch);
  }

  /** One of Kafka's own tools, by its class in org.apache.kafka.tools. */
  async tool(name: string, ...args: readonly string[]): Promise<string> {
    return await runClient(this.#scratch, [...this.#java, `org.apache.kafka.tools.${name}`, ...args]);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** How many requests of each API the broker has answered to clients, as its request log says: `Produce` to 8. */
  answered(): Map<string, number> {
    const found = new Map<string, number>();
    for (const line of readFileSync(this.#requestLog, "utf8").split("\n")) {
      if (!line.includes('"listener":"PLAINTEXT"')) continue;
      const words = /"requestApiKeyName":"([A-Z_]+)"/.exec(line)?.[1]?.toLowerCase().split("_") ?? [];
      const api = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
      found.set(api, (found.get(api) ?? 0) + 1);
    }
    return found;
  }
}

function configuration(port: number, controllerPort: number, data: string): string {
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names=CONTROLLER",
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    `log.dirs=${data}`,
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "group.initial.rebalance.delay.ms=0",
    "",
  ].join("\n");
}

/** Each request that the broker has answered is a line of JSON. */
function loggingConfiguration(requestLog: string): string {
  return [
    "log4j.rootLogger=INFO, console",
    "log4j.appender.console=org.apache.log4j.ConsoleAppender",
    "log4j.appender.console.layout=org.apache.log4j.PatternLayout",
    "log4j.appender.console.layout.ConversionPattern=%m%n",
    "log4j.logger.kafka.request.logger=DEBUG, requests",
    "log4j.additivity.kafka.request.logger=false",
    "log4j.appender.requests=org.apache.log4j.FileAppender",
    `log4j.appender.requests.File=${requestLog}`,
    "log4j.appender.requests.layout=org.apache.log4j.PatternLayout",
    "log4j.appender.requests.layout.ConversionPattern=%m%n",
    "",
  ].join("\n");
}

function hasKafka(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => /^kafka-tools-[\d.]+\.jar$/.test(name));
}

function firstLine(text: string | null): string {
  return text?.split("\n").find((line) => line.trim() !== "") ?? "no time left";
}
