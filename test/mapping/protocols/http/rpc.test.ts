import assert from "node:assert/strict";
import { Sender } from "../../../../src/mapping/protocols/protocol.ts";
import { PROTOCOLS, withHttpRpc } from "../../../../src/mapping/protocols/registry.ts";
import { Conversation } from "../../../support/conversation.ts";

const OK = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

function post(body: string, type = "application/json", headers = ""): Buffer {
  const head = `POST /rpc HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\n${headers}Content-Length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body, "latin1");
}

/** @param captured of each call, so many bytes */
function play(calls: readonly Buffer[], captured?: number): { name: string; attributes: Map<string, unknown> }[] {
  const conversation = new Conversation({ protocols: withHttpRpc(PROTOCOLS) });
  for (const bytes of calls) {
    if (captured === undefined) conversation.say(Sender.client, bytes);
    else conversation.say(Sender.client, bytes, captured);
    conversation.say(Sender.server, OK);
  }
  conversation.close();
  assert.equal(conversation.bytes.held, 0);
  return conversation.outcomes.map(({ fields, incomplete }) => {
    assert.equal(incomplete, undefined);
    return { name: fields!.name, attributes: new Map<string, unknown>(fields!.attributes) };
  });
}

describe("calls in HTTP bodies", () => {
  it("names JSON-RPC methods, of batches the first", () => {
    const [single, batch] = play([
      post('{"jsonrpc": "2.0", "id": 7, "method": "eth_call", "params": [{"method": "inner"}]}'),
      post('[{"params":{"a":[1,"]"]},"method":"a.b","jsonrpc":"2.0"},{"jsonrpc":"2.0","method":"c"}]'),
    ]);
    assert.equal(single!.name, "eth_call");
    assert.equal(single!.attributes.get("rpc.system.name"), "jsonrpc");
    assert.equal(single!.attributes.get("jsonrpc.request.id"), "7");
    assert.equal(batch!.name, "a.b");
  });

  it("names GraphQL operations, and nothing of their documents", () => {
    const [named, chosen, bare, plain] = play([
      post('{"query":"# c\\nmutation AddItem($id: ID!) { add(id: \\"secret\\") }","variables":{}}'),
      post('{"operationName":"Second","query":"query First { a } query Second { b }"}'),
      post('{"query":"{ me { name } }"}'),
      post("query Me { me }", "application/graphql"),
    ]);
    assert.equal(named!.name, "mutation AddItem");
    assert.equal(chosen!.name, "query Second");
    assert.equal(bare!.name, "query");
    assert.equal(plain!.attributes.get("graphql.operation.name"), "Me");
    assert.ok(![...named!.attributes.values()].some((value) => String(value).includes("secret")));
  });

  it("names SOAP actions, or the first element of the body", () => {
    const envelope =
      '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:GetPrice xmlns:m="urn:x"/></s:Body></s:Envelope>';
    const [header, body] = play([
      post(envelope, "text/xml; charset=utf-8", 'SOAPAction: "urn:shop#GetPrice"\r\n'),
      post(envelope, "application/soap+xml"),
    ]);
    assert.equal(header!.attributes.get("rpc.method"), "urn:shop#GetPrice");
    assert.equal(header!.name, "GetPrice");
    assert.equal(body!.attributes.get("rpc.method"), "GetPrice");
  });

  it("leaves other bodies alone, and reads none behind a hole", () => {
    const big = `{"jsonrpc":"2.0","method":"big","params":"${"x".repeat(5000)}"}`;
    const [json, form, cut, next] = play([
      post('{"method":"no call"}'),
      post('{"jsonrpc":"2.0","method":"m"}', "application/x-www-form-urlencoded"),
      post(big),
      post('{"jsonrpc":"2.0","method":"next"}'),
    ]);
    assert.deepEqual([json!.name, form!.name, cut!.name, next!.name], ["POST", "POST", "big", "next"]);
    // Only the head and a little more was copied: the length still says where the next one starts.
    const [half, after] = play([post(big), post('{"jsonrpc":"2.0","method":"next"}')], 160);
    assert.deepEqual([half!.name, after!.name], ["big", "next"]);
  });
});
