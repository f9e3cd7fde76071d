import assert from "node:assert/strict";
import { runClient, startMosquitto, startNats, startRabbit } from "../../support/backends.ts";
import { countBy, textOf } from "../../support/count-spans.ts";
import { spansOfPort } from "../../support/expect-spans.ts";
import { Program } from "../../support/program.ts";
import { Scratch } from "../../support/scratch.ts";
import { Sockspan } from "../../support/sockspan.ts";
import type { TestSpan } from "../../support/trace-file.ts";

const PRODUCER = 4;
const CONSUMER = 5;

/** How many spans of a kind a program has for a destination. A broker's delivery is its PRODUCER span, and the reader's CONSUMER span. */
function count(spans: readonly TestSpan[], program: RegExp, kind: number, destination: string): number {
  return spans.filter(
    (span) =>
      span.kind === kind &&
      program.test(textOfResource(span.resource)) &&
      textOf(span, "messaging.destination.name") === destination,
  ).length;
}

describe("brokers, driven by their own clients", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("sees each MQTT message go in and come out", async () => {
    const broker = await startMosquitto(scratch);
    const sockspan = await Sockspan.start(scratch);
    const at = ["-h", "127.0.0.1", "-p", `${broker.port}`, "-q", "1", "-t", "shop/orders"];
    const subscriber = scratch.keep(
      await Program.start(["stdbuf", "-oL", "mosquitto_sub", ...at, "-C", "30", "-d"], { readyOutput: /SUBACK/ }),
    );
    const messages = Array.from({ length: 30 }, (_, number) => `order ${number}\\n`).join("");
    const publisher = scratch.keep(
      await Program.start(["sh", "-c", `printf '${messages}' | exec mosquitto_pub "$@"`, "sh", ...at, "-l"]),
    );
    assert.equal(await publisher.end(), 0, publisher.output);
    assert.equal(await subscriber.end(), 0, subscriber.output);
    const spans = spansOfPort(await sockspan.stopAndRead(), broker.port);
    assert.equal(count(spans, /^mosquitto_pub$/, PRODUCER, "shop/orders"), 30);
    assert.equal(count(spans, /^mosquitto$/, PRODUCER, "shop/orders"), 30);
    assert.equal(count(spans, /^mosquitto_sub$/, CONSUMER, "shop/orders"), 30);
  });

  it("sees AMQP messages published and fetched", async () => {
    const broker = await startRabbit(scratch);
    const sockspan = await Sockspan.start(scratch);
    const at = ["--server=127.0.0.1", `--port=${broker.port}`, "--username=guest", "--password=guest"];
    await runClient(scratch, ["amqp-declare-queue", ...at, "-q", "orders"]);
    for (let number = 0; number < 5; number++) {
      await runClient(scratch, ["amqp-publish", ...at, "-r", "orders", "-b", `order ${number}`]);
    }
    for (let number = 0; number < 5; number++) await runClient(scratch, ["amqp-get", ...at, "-q", "orders"]);
    const spans = spansOfPort(await sockspan.stopAndRead(), broker.port);
    const operations = countBy(
      spans.filter(({ resource }) => textOfResource(resource).startsWith("amqp-")),
      PRODUCER,
      "messaging.operation.name",
    );
    assert.deepEqual(operations, new Map([["PUBLISH", 5]]));
    const fetched = spans.filter(({ name, resource }) => /get/i.test(name) && textOfResource(resource) === "amqp-get");
    assert.equal(fetched.length, 5);
  });

  it("sees NATS messages, whoever speaks first", async () => {
    const broker = await startNats(scratch);
    const sockspan = await Sockspan.start(scratch);
    const script = [
      "import socket, sys, time",
      "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))",
      "s.recv(4096)",
      `s.sendall(b'CONNECT {"verbose":false}\\r\\nSUB orders 1\\r\\nPING\\r\\n')`,
      "s.recv(4096)",
      "for n in range(10): s.sendall(b'PUB orders 5\\r\\nhello\\r\\n')",
      "got = b''",
      "while got.count(b'hello') < 10: got += s.recv(65536)",
    ].join("\n");
    await runClient(scratch, ["/usr/bin/python3", "-c", script, `${broker.port}`]);
    const spans = spansOfPort(await sockspan.stopAndRead(), broker.port);
    assert.equal(count(spans, /^python/, PRODUCER, "orders"), 10);
    assert.equal(count(spans, /^nats-server$/, PRODUCER, "orders"), 10);
    assert.equal(count(spans, /^python/, CONSUMER, "orders"), 10);
  });
});

function textOfResource(resource: ReadonlyMap<string, unknown>): string {
  return String(resource.get("process.executable.name") ?? "");
}
