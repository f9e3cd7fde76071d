/**
 * tshark as a second opinion: how many requests of which protocol each capture holds, beside our spans.
 * `node build/scripts/compare-tshark.js FILE...`; needs tshark. Exits 1 where the counts differ.
 */
import { spawnSync } from "node:child_process";
import type { Span } from "../src/mapping/span.ts";
import { Replay } from "../src/receiver/replay/replay.ts";
import { openReplayEngine } from "../src/receiver/replay/replay-engine.ts";

interface Opinion {
  readonly name: string;
  readonly dissector: string;
  /** Display filter of packets with requests, and the field that occurs once for each request. */
  readonly filter: string;
  readonly field: string;
  readonly isOurs: (attributes: ReadonlyMap<string, unknown>, span: Span) => boolean;
}

const OPINIONS: readonly Opinion[] = [
  {
    name: "dns",
    dissector: "dns",
    filter: "dns.flags.response == 0 && !mdns",
    field: "dns.id",
    isOurs: (a) => a.has("dns.question.name"),
  },
  {
    name: "http",
    dissector: "http",
    filter: "http.request",
    field: "http.request.method",
    isOurs: (a) => a.get("network.protocol.version") === "1.1" && a.has("http.request.method"),
  },
  {
    name: "mysql",
    dissector: "mysql",
    filter: "mysql.query",
    field: "mysql.command",
    isOurs: (a) => /^(?:mysql|mariadb)$/.test(String(a.get("db.system.name"))) && a.has("db.query.text"),
  },
  {
    name: "kafka",
    dissector: "kafka",
    filter: "kafka.client_id",
    field: "kafka.client_id",
    isOurs: (a) => a.get("messaging.system") === "kafka",
  },
  {
    name: "mongodb",
    dissector: "mongo",
    filter: "mongo && mongo.response_to == 0",
    field: "mongo.request_id",
    isOurs: (a) => a.get("db.system.name") === "mongodb",
  },
  {
    name: "memcached",
    dissector: "memcache",
    filter: 'memcache.command && !(memcache.command == "quit")',
    field: "memcache.command",
    isOurs: (a) => a.get("db.system.name") === "memcached",
  },
  {
    name: "amqp publish",
    dissector: "amqp",
    filter: "amqp.method.class == 60 && amqp.method.method == 40",
    field: "amqp.method.arguments.routing_key",
    isOurs: (a) => a.get("messaging.operation.name") === "publish" && a.get("messaging.system") === "rabbitmq",
  },
  {
    name: "mqtt publish",
    dissector: "mqtt",
    filter: "mqtt.msgtype == 3",
    field: "mqtt.topic",
    isOurs: (a) => a.get("messaging.system") === "mqtt" && a.has("messaging.mqtt.qos"),
  },
];

/** tshark knows protocols by their ports: it is told those at which we found them. */
function tshark(path: string, opinion: Opinion, ports: ReadonlySet<unknown>): number {
  const decodeAs = [...ports].flatMap((port) => ["-d", `tcp.port==${port},${opinion.dissector}`]);

  const result = spawnSync(
    "tshark",
    ["-r", path, "-Y", opinion.filter, ...decodeAs, "-T", "fields", "-e", opinion.field],
    {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    },
  );
  if (result.error) throw result.error;
  return result.stdout.split(/[\n,]/).filter((value) => value.trim() !== "").length;
}

async function spansOf(path: string): Promise<Span[]> {
  const spans: Span[] = [];
  const run = new Replay({
    openTarget: (timeline) =>
      openReplayEngine(timeline, {
        describe: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
        settleNs: 0,
        spans: (some) => spans.push(...some),
        accounts: () => {},
      }),
    problem: (file, problem) => process.stderr.write(`${file}: ${problem.message}\n`),
  });
  await run.file(path);
  run.end();
  return spans;
}

let differences = 0;
for (const path of process.argv.slice(2)) {
  const spans = await spansOf(path);
  for (const opinion of OPINIONS) {
    const own = spans.filter((span) => opinion.isOurs(new Map(span.attributes), span));
    const isTcp = opinion.dissector !== "dns";
    const ports = new Set(isTcp ? own.map((span) => new Map(span.attributes).get("server.port")) : []);
    const theirs = tshark(path, opinion, ports);
    const ours = own.length;
    if (theirs === 0 && ours === 0) continue;
    const isSame = theirs === ours;
    if (!isSame) differences++;
    const verdict = isSame ? "same" : "DIFFERENT";
    process.stdout.write(`${path}\t${opinion.name}\ttshark ${theirs}\tours ${ours}\t${verdict}\n`);
  }
}
process.exitCode = differences > 0 ? 1 : 0;
