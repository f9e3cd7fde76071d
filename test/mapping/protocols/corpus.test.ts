/**
 * Captures of others, against what another parser (the DeepFlow agent) says of them: which requests there are, what
 * they are about, how they ended. Differences on purpose are listed with their reason; a listed one that is gone fails.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../../src/mapping/protocols/pulsar/commands.ts";
import type { Span } from "../../../src/mapping/span.ts";
import { Replay } from "../../../src/receiver/replay/replay.ts";
import { openReplayEngine } from "../../../src/receiver/replay/replay-engine.ts";
import { type ResultLine, readResult } from "../../support/deepflow-result.ts";

const FOLDER = join(process.cwd(), "test/fixtures/pcap");

type Facts = string[];
type Attributes = ReadonlyMap<string, unknown>;

interface Comparison {
  /** What the other one says, as comparable words. */
  theirs(lines: readonly ResultLine[]): Facts;
  /** The same of our spans. */
  ours(attributes: Attributes, span: Span): string | readonly string[] | undefined;
}

const DNS_CODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
const text = (line: ResultLine, key: string): string => line.fields.get(key) ?? "";
const word = (value: string): string => /[A-Za-z_]+/.exec(value.replace(/^\/\*.*?\*\//, ""))?.[0]?.toUpperCase() ?? "";

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  redis: {
    theirs: (lines) => [
      ...lines
        .filter((line) => text(line, "request") !== "")
        .map((line) => text(line, "request").split(" ").slice(0, 2).join(" ").toUpperCase()),
      ...lines.filter((line) => text(line, "error") !== "").map((line) => /^-(\w+)/.exec(text(line, "error"))![1]!),
    ],
    ours: (attributes) => [
      String(attributes.get("db.query.text")).split(" ").slice(0, 2).join(" ").toUpperCase(),
      ...(attributes.has("error.type") ? [String(attributes.get("error.type"))] : []),
    ],
  },
  dns: {
    theirs: (lines) =>
      lines
        .filter((line) => line.isResponse)
        .map(
          (line) =>
            `${text(line, "request_id")} ${text(line, "request_type")} ${text(line, "request_resource")} ${DNS_CODES[Number(line.fields.get("response_code") ?? 0)]}`,
        ),
    ours: (attributes) =>
      ["dns.transaction.id", "dns.question.type", "dns.question.name", "dns.response.code"]
        .map((key) => attributes.get(key))
        .join(" "),
  },
  mysql: {
    theirs: (lines) => [
      ...lines.filter((line) => line.isRequest && !/^(?:1|25)$/.test(text(line, "request_type"))).map(mysqlOperation),
      ...lines.filter((line) => /error/.test(text(line, "response_status"))).map((line) => text(line, "response_code")),
    ],
    ours: (attributes) => [
      word(String(attributes.get("db.operation.name"))),
      ...(attributes.has("error.type") ? [String(attributes.get("error.type"))] : []),
    ],
  },
  kafka: {
    theirs: (lines) => [
      ...lines
        .filter((line) => line.isRequest)
        .map((line) => `${text(line, "command") || text(line, "api_key")} ${text(line, "topic_name")}`.trim()),
      ...lines
        // -2: they do not read the code of this answer.
        .filter((line) => line.isResponse && !/^(?:0|-2)?$/.test(text(line, "status_code")))
        .map((line) => text(line, "status_code")),
    ],
    ours: (attributes) => [
      `${attributes.get("sockspan.kafka.api")} ${attributes.get("messaging.destination.name") ?? ""}`.trim(),
      ...(attributes.has("sockspan.kafka.error_code") ? [String(attributes.get("sockspan.kafka.error_code"))] : []),
    ],
  },
  http: {
    theirs: (lines) => [
      ...lines
        .filter((line) => line.isRequest && (text(line, "path") !== "" || text(line, "method") === "Post"))
        .map((line) => `path ${text(line, "path").replace(/\?.*/, "")}`),
      ...lines
        .filter((line) => text(line, "grpc_status_code") !== "")
        .map((line) => `grpc ${text(line, "grpc_status_code")}`),
    ],
    ours: (attributes) => {
      const method = attributes.get("rpc.method");
      const url = /^https?:\/\/[^/]*([^?]*)/.exec(String(attributes.get("url.full") ?? ""))?.[1] ?? "";
      const status = attributes.get("rpc.response.status_code");
      return [
        `path ${method === undefined ? url : `/${method}`}`,
        ...(status === undefined ? [] : [`grpc ${["OK", "CANCELLED", "UNKNOWN"].indexOf(String(status))}`]),
      ];
    },
  },
  amqp: {
    // A handshake's steps are a part of opening, and a method that closes for an error is an answer.
    theirs: (lines) =>
      lines
        .filter((line) => line.isRequest || /^(?:Publish|Deliver|Return|GetOk)$/.test(text(line, "method_id")))
        .map((line) => `${text(line, "class_id")}.${text(line, "method_id")}`.replace(/^Basic\.(?!Consume)/, ""))
        .filter((method) => !/^Connection\.(?:Start|Tune)$/.test(method))
        .map((method) => method.toLowerCase()),
    ours: (attributes) => String(attributes.get("messaging.operation.name")).replace(/^basic\.(?!consume)/, ""),
  },
  postgre: {
    theirs: (lines) =>
      lines.filter((line) => line.isRequest).map((line) => word(text(line, "request_resource")) || "EXECUTE"),
    ours: (attributes) => String(attributes.get("db.operation.name")),
  },
  mongo: {
    theirs: (lines) =>
      lines.filter((line) => line.isRequest).map((line) => /^\{ "?(\w+)/.exec(text(line, "request"))?.[1] ?? ""),
    ours: (attributes) => String(attributes.get("db.operation.name")),
  },
  mqtt: {
    theirs: (lines) =>
      lines.filter((line) => /^Publish/.test(text(line, "pkt_type"))).map((line) => text(line, "publish_topic")),
    ours: (attributes) =>
      attributes.get("messaging.operation.name") === "publish"
        ? String(attributes.get("messaging.destination.name"))
        : undefined,
  },
  nats: {
    theirs: (lines) =>
      lines.flatMap((line) => {
        const found = /^H?(Pub|Msg)\(?\s*H?(?:Pub|Msg)? ?\{ subject: ([^,]+)/i.exec(text(line, "message"));
        return found === null ? [] : [`${found[1]!.toLowerCase()} ${found[2]}`];
      }),
    ours: (attributes) => {
      const operation = attributes.get("messaging.operation.name");
      const subject = attributes.get("messaging.destination.name");
      if (subject === undefined) return undefined;
      return `${operation === "deliver" ? "msg" : "pub"} ${subject}`;
    },
  },
  dubbo: {
    theirs: (lines) =>
      lines
        .filter((line) => line.isRequest)
        .map((line) => `${text(line, "service_name")}/${text(line, "method_name")}`),
    ours: (attributes) => String(attributes.get("rpc.method")),
  },
  brpc: rpc((line) => `${text(line, "req_service_name")}/${text(line, "req_method_name")}`, "resp_status", "ok", "0"),
  tars: rpc(
    (line) => `${text(line, "req_service_name")}/${text(line, "req_method_name")}`,
    "ret",
    "ServerSuccess",
    "SERVERSUCCESS",
  ),
  some_ip: {
    theirs: (lines) =>
      lines
        .filter((line) => text(line, "request_type") === "Request")
        .map((line) => `${text(line, "request_resource")} ${text(line, "endpoint")}`),
    ours: (attributes) => String(attributes.get("rpc.method")).split("/").map(Number).join(" "),
  },
  rocketmq: {
    theirs: (lines) => [
      ...lines
        .filter(
          (line) =>
            (line.isRequest || /ONEWAY/.test(text(line, "resp_code_name"))) &&
            text(line, "req_code_name") !== "HEART_BEAT",
        )
        .map((line) =>
          `${text(line, "req_code_name")} ${text(line, "ext_topic")} ${text(line, "ext_queue_id")} ${text(line, "ext_group")}`.trim(),
        ),
      ...lines
        .filter((line) => line.isResponse && text(line, "resp_code") !== "0")
        .map((line) => text(line, "resp_code_name")),
    ],
    ours: (attributes) => {
      const status = attributes.get("sockspan.rocketmq.response.status");
      const keys = ["messaging.operation.name", "messaging.destination.name", "messaging.destination.partition.id"];
      const group =
        attributes.get("messaging.consumer.group.name") ?? attributes.get("sockspan.rocketmq.producer_group");
      const request = [...keys.map((key) => attributes.get(key)), group].map((value) => value ?? "").join(" ");
      return [request.trim(), ...(status === undefined || status === "SUCCESS" ? [] : [String(status)])];
    },
  },
  pulsar: {
    // FLOW (11) makes no span.
    theirs: (lines) =>
      lines
        .filter((line) => !line.isResponse)
        .map((line) => Number(/"type":(\d+)/.exec(text(line, "command"))?.[1]))
        .filter((type) => type !== 11)
        .map((type) => COMMANDS.get(type)!.name),
    ours: (attributes) => String(attributes.get("messaging.operation.name")),
  },
  openwire: {
    theirs: (lines) =>
      lines
        .filter((line) => line.isRequest || /^(?:ActiveMQ|Message)/.test(text(line, "command_type")))
        .map((line) => text(line, "command_type").replace(/^ActiveMQ\w*Message$/, "send")),
    ours: (attributes) => {
      const operation = String(attributes.get("messaging.operation.name"));
      return { deliver: "MessageDispatch", ack: "MessageAck" }[operation] ?? operation;
    },
  },
  zmtp: {
    theirs: (lines) => [
      ...lines
        .filter((line) => text(line, "frame_type") === "Command" && text(line, "command_name") === "SUBSCRIBE")
        .map((line) => `subscribe ${text(line, "subscription")}`),
      ...lines.filter((line) => text(line, "err_msg") !== "").map((line) => text(line, "err_msg")),
      ...lines.filter((line) => line.isRequest).map(() => "request"),
    ],
    ours: (attributes) => {
      const operation = attributes.get("messaging.operation.name");
      if (operation === "handshake") return String(attributes.get("error.type"));
      if (operation === "subscribe") return `subscribe ${attributes.get("messaging.destination.name")}`;
      return operation === "request" ? "request" : undefined;
    },
  },
};

/** What an execution runs is not in their line, but what it is given. */
function mysqlOperation(line: ResultLine): string {
  const known: Record<string, string> = { 0: "LOGIN", 2: "USE", 4: "FIELD_LIST", 22: "PREPARE" };
  return known[text(line, "request_type")] ?? word(text(line, "request_resource"));
}

/** @param field of a response's line, which says `theirOk` where ours says `ourOk` */
function rpc(name: (line: ResultLine) => string, field: string, theirOk: string, ourOk: string): Comparison {
  return {
    theirs: (lines) => [
      ...lines.filter((line) => line.isRequest).map(name),
      ...lines.filter((line) => line.isResponse).map((line) => (text(line, field) === theirOk ? "ok" : "failed")),
    ],
    ours: (attributes) => [
      String(attributes.get("rpc.method")),
      attributes.get("rpc.response.status_code") === ourOk ? "ok" : "failed",
    ],
  };
}

const PARAMETERS = "An execution is called by its statement's text; they show what it is given, which may be secret.";

/** Facts of one side only, and why. */
const DIFFERENCES: Readonly<
  Record<string, { readonly theirs?: Facts; readonly ours?: Facts; readonly reason: string }>
> = {
  "redis/redis": {
    theirs: ["GET 1"],
    ours: ["GET 1?1?HTTP://127.0.0.1:20013/V2/POD-GROUPS"],
    reason: "The key has spaces in it: shown as it is, the text would read as a command with three arguments.",
  },
  "mysql/mysql-error": {
    theirs: ["255"],
    ours: ["1049"],
    reason: "The error's code is the server's number, not the packet's first byte.",
  },
  "mysql/mysql-exec": { theirs: ["LONGLONG"], ours: ["INSERT"], reason: PARAMETERS },
  "mysql/mysql-statement": { theirs: ["DEEPFLOW", "LONGLONG"], ours: ["SELECT", "SELECT"], reason: PARAMETERS },
  "mysql/truncate-1024": { theirs: ["LONGLONG"], ours: ["SELECT"], reason: PARAMETERS },
  "amqp/amqp-error": {
    theirs: ["channel.close"],
    reason: "A close with an error is the answer to what it refuses; they tell it as a request too.",
  },
  "postgre/pgsql-all": {
    ours: ["SELECT", "SELECT"],
    reason: "They do not read statements that are longer than what they keep of a packet.",
  },
  "mysql/mysql-login-error": {
    theirs: ["255"],
    ours: ["1040"],
    reason: "The error's code is the server's number, not the packet's first byte.",
  },
  "http/grpc-unknown": {
    ours: ["path "],
    reason: "The same: the path hangs on a header table that was not seen, so the request is told without it.",
  },
  "nats/nats-nrpc2": {
    theirs: ["msg _INBOX.dR7nhYWqTTzqicG1BcZrM6.oVkiuwjU"],
    reason: "What comes to the inbox that a request named is its answer, and no delivery of its own.",
  },
};

async function spansOf(path: string): Promise<Span[]> {
  const spans: Span[] = [];
  const run = new Replay({
    openTarget: (timeline) =>
      openReplayEngine(timeline, {
        describe: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
        settleNs: 5e9,
        spans: (some) => spans.push(...some),
        accounts: () => {},
      }),
    problem: (_, problem) => assert.fail(problem.message),
  });
  await run.file(path);
  run.end();
  return spans;
}

/** What is in the first list and not in the second, repeated ones counted. */
function without(first: Facts, second: Facts): Facts {
  const left = [...second];
  return first.filter((fact) => {
    const at = left.indexOf(fact);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

describe("captures of others", () => {
  for (const [protocol, comparison] of Object.entries(COMPARISONS)) {
    for (const file of readdirSync(join(FOLDER, protocol)).filter((name) => name.endsWith(".pcap"))) {
      const name = `${protocol}/${file.slice(0, -5)}`;
      const result = join(FOLDER, `${name}.result`);
      if (!existsSync(result)) continue;
      it(name, async () => {
        const spans = await spansOf(join(FOLDER, `${name}.pcap`));
        const theirs = comparison.theirs(readResult(result));
        const ours = spans.flatMap((span) => comparison.ours(new Map(span.attributes), span) ?? []);
        const expected = DIFFERENCES[name] ?? { reason: "" };
        assert.deepEqual(
          { theirs: without(theirs, ours), ours: without(ours, theirs) },
          { theirs: expected.theirs ?? [], ours: expected.ours ?? [] },
        );
      });
    }
  }
});
