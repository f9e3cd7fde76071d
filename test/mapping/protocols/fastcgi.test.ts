import assert from "node:assert/strict";
import { Sender } from "../../../src/mapping/protocols/protocol.ts";
import { Conversation } from "../../support/conversation.ts";

describe("fastcgi", () => {
  const { client, server } = Sender;
  const record = (type: number, content: Uint8Array | string, id = 1) => {
    const body = Buffer.from(content);
    return Buffer.concat([Buffer.from([1, type, 0, id, body.length >> 8, body.length & 255, 0, 0]), body]);
  };
  const parameter = (name: string, value: string) =>
    Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]);
  const request = (path: string) =>
    Buffer.concat([
      record(1, Buffer.from([0, 1, 1, 0, 0, 0, 0, 0])),
      record(4, Buffer.concat([parameter("REQUEST_METHOD", "GET"), parameter("REQUEST_URI", path)])),
      ...[record(4, ""), record(5, "")],
    ]);
  const page = (length: number) =>
    Buffer.concat([
      record(6, `Status: 404 Not Found\r\nContent-type: text/html\r\n\r\n${"x".repeat(length)}`),
      record(3, Buffer.alloc(8)),
    ]);

  it("knows the status of a page that is written in one call, of which only the beginning was captured", () => {
    const conversation = new Conversation({ serverPort: 9000 })
      .say(client, request("/long"))
      .say(server, page(20_000), 4096)
      .say(client, request("/longer"))
      .say(server, page(40_000), 4096)
      .say(client, request("/short"))
      .say(server, page(10))
      .close();
    const facts = conversation.outcomes.map(({ fields }) => {
      const value = (key: string) => fields?.attributes.find(([name]) => name === key)?.[1];
      return [value("url.path"), value("http.response.status_code"), value("error.type")];
    });
    assert.deepEqual(facts.sort(), [
      ["/long", 404, undefined],
      ["/longer", 404, undefined],
      ["/short", 404, undefined],
    ]);
  });
});
