import assert from "node:assert/strict";
import { runClient } from "../../support/backends.ts";
import { countBy, expectAllJoined, textOf } from "../../support/count-spans.ts";
import { spansOfPort } from "../../support/expect-spans.ts";
import { mongodbProgram, startMongodb } from "../../support/mongodb.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";
import { Sockspan } from "../../support/sockspan.ts";
import { SERVER } from "../../support/trace-file.ts";

/** Counts what the driver says that it has sent, and answers; a duplicate key is an error of the database. */
const CLIENT = `
import json, sys, pymongo
from pymongo import monitoring
sent = {}
class Listener(monitoring.CommandListener):
    def started(self, event): sent[event.command_name] = sent.get(event.command_name, 0) + 1
    def succeeded(self, event): pass
    def failed(self, event): pass
client = pymongo.MongoClient("127.0.0.1", int(sys.argv[1]), event_listeners=[Listener()])
orders = client.shop.orders
for n in range(40):
    orders.insert_one({"_id": n, "card": "a secret"})
    orders.find_one({"_id": n})
    orders.update_one({"_id": n}, {"$set": {"paid": True}})
orders.insert_many([{"_id": 100 + n, "card": "a secret"} for n in range(300)])
assert sum(1 for _ in orders.find({}, batch_size=50)) == 340
orders.delete_many({"_id": {"$gte": 100}})
try: client.shop.command("nosuch")
except pymongo.errors.OperationFailure: pass
print(json.dumps(sent))
`;

describe("MongoDB, driven by its Python driver", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("counts commands as the driver does, and shows their errors", async function () {
    const found = mongodbProgram();
    if ("missing" in found) skip(this, found.missing);
    const mongodb = await startMongodb(scratch, found.program);
    const sockspan = await Sockspan.start(scratch);
    const output = await runClient(scratch, ["/usr/bin/python3", "-c", CLIENT, `${mongodb.port}`]);
    const sent = new Map(
      Object.entries(JSON.parse(output) as Record<string, number>).map(([name, count]) => [name.toUpperCase(), count]),
    );
    const spans = spansOfPort(await sockspan.stopAndRead(), mongodb.port);
    const served = countBy(spans, SERVER, "db.operation.name");
    // The driver's own hellos are not told to its listeners.
    for (const hello of ["ISMASTER", "HELLO"]) served.delete(hello);
    assert.deepEqual(served, sent);
    assert.ok((sent.get("GETMORE") ?? 0) > 1, output);
    for (const span of spans) assert.doesNotMatch(textOf(span, "db.query.text"), /secret/);
    const failed = spans.filter((span) => span.kind === SERVER && textOf(span, "db.response.status_code") !== "");
    assert.deepEqual(
      failed.map((span) => [textOf(span, "db.operation.name"), textOf(span, "db.response.status_code")]),
      [["nosuch", "59"]],
    );
    expectAllJoined(spans);
  });
});
