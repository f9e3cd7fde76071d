import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { create, type DescMessage, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import * as agent from "../../../src/trident/proto/agent.gen.ts";
import * as trident from "../../../src/trident/proto/trident.gen.ts";

const fixtures = join(process.cwd(), "test/fixtures/trident");

function schemaOf(file: string): DescMessage {
  const generation: object = file.startsWith("tv7-") ? trident : agent;
  const found = file
    .replace(/\.bin$/, "")
    .split("-")
    .map((part) => Reflect.get(generation, `${part}Schema`) as DescMessage | undefined)
    .find((schema) => schema !== undefined);
  assert.ok(found, `no message for ${file}`);
  return found;
}

describe("trident protos", () => {
  const files = readdirSync(fixtures).filter((file) => /^t?v7-.*\.bin$/.test(file));

  it("has fixtures", () => {
    assert.ok(files.length > 25);
  });

  for (const file of files) {
    const bytes = readFileSync(join(fixtures, file));
    const jsonFile = join(fixtures, file.replace(/\.bin$/, ".json"));

    it(`${file}: the same bytes after decoding and encoding`, () => {
      const schema = schemaOf(file);
      assert.deepEqual(Buffer.from(toBinary(schema, fromBinary(schema, bytes))), bytes);
    });

    if (existsSync(jsonFile)) {
      it(`${file}: the content of its JSON`, () => {
        const schema = schemaOf(file);
        const json = toJson(schema, fromBinary(schema, bytes), { useProtoFieldName: true });
        assert.deepEqual(json, JSON.parse(readFileSync(jsonFile, "utf8")));
      });
    }
  }

  it("keeps fields that it does not know", () => {
    const bytes = toBinary(
      agent.SyncResponseSchema,
      create(agent.SyncResponseSchema, { status: agent.Status.SUCCESS, userConfig: "{}" }),
    );
    const unknown = Buffer.concat([bytes, Buffer.from([0xfa, 0x07, 0x02, 0x68, 0x69])]);
    const message = fromBinary(agent.SyncResponseSchema, unknown);
    assert.deepEqual(Buffer.from(toBinary(agent.SyncResponseSchema, message)), unknown);
  });
});
