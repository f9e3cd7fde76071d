import { equal } from "node:assert/strict";
import { describe, it } from "mocha";
import type { Http2Message } from "../../../../src/mapping/protocols/http2/message.ts";
import { describeHttp2 } from "../../../../src/mapping/protocols/http2/span.ts";
import { MessageRole, type SpanFields } from "../../../../src/mapping/protocols/protocol.ts";
import { SpanKind } from "../../../../src/mapping/span.ts";

const GRPC = { ":method": "POST", ":path": "/pkg.Shop/Buy", "content-type": "application/grpc" };

function half(role: MessageRole, headers: Record<string, string>): Http2Message {
  return {
    role,
    id: 1,
    headers: new Map(Object.entries(headers)),
    bodySize: 0,
    resetCode: undefined,
    isRefused: false,
  };
}

function spanOf(request: Record<string, string>, response: Record<string, string>): SpanFields {
  const session = {
    request: half(MessageRole.request, request),
    response: half(MessageRole.response, response),
    incomplete: undefined,
    isEndHidden: false,
  };
  const fields = describeHttp2(session, {
    kind: SpanKind.client,
    client: { address: "10.0.0.1", port: 40_000 },
    server: { address: "10.0.0.2", port: 8_080 },
    transport: "tcp",
    isEncrypted: false,
    options: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
  });
  if (fields === undefined) throw new Error("no span");
  return fields;
}

const attributeOf = (fields: SpanFields, key: string): unknown => fields.attributes.find(([name]) => name === key)?.[1];

describe("spans of HTTP/2 with damaged fields", () => {
  for (const status of ["", "abc", "2oo", "20", "0x64", "2000"]) {
    it(`gives no status code for the status ${JSON.stringify(status)}`, () => {
      const plain = spanOf({ ":method": "GET", ":path": "/" }, { ":status": status });
      equal(attributeOf(plain, "http.response.status_code"), undefined);
      equal(plain.isError, false);
      const grpc = spanOf(GRPC, { ":status": status });
      equal(attributeOf(grpc, "http.response.status_code"), undefined);
    });
  }

  for (const code of ["", " ", "17", "-1", "zero", "1e0"]) {
    it(`takes the grpc-status ${JSON.stringify(code)} as clients do: UNKNOWN`, () => {
      const fields = spanOf(GRPC, { ":status": "200", "grpc-status": code });
      equal(attributeOf(fields, "rpc.response.status_code"), "UNKNOWN");
      equal(attributeOf(fields, "error.type"), "UNKNOWN");
      equal(fields.isError, true);
    });
  }

  it("does not believe an authority whose port can't be", () => {
    for (const port of ["99999", "0x50", "1e3"]) {
      const fields = spanOf({ ...GRPC, ":authority": `shop:${port}` }, { ":status": "200", "grpc-status": "0" });
      equal(attributeOf(fields, "server.address"), "10.0.0.2");
      equal(attributeOf(fields, "server.port"), 8_080);
      const plain = spanOf({ ":method": "GET", ":path": "/", ":authority": `shop:${port}` }, { ":status": "200" });
      equal(attributeOf(plain, "server.port"), 8_080);
    }
  });

  it("takes an authority's port, where it has one", () => {
    const fields = spanOf({ ...GRPC, ":authority": "[2001:db8::1]:50051" }, { ":status": "200", "grpc-status": "0" });
    equal(attributeOf(fields, "server.address"), "2001:db8::1");
    equal(attributeOf(fields, "server.port"), 50_051);
    equal(attributeOf(spanOf({ ...GRPC, ":authority": "shop" }, {}), "server.address"), "shop");
  });

  it("shows nobody's user information", () => {
    const fields = spanOf(
      { ":method": "GET", ":path": "/", ":authority": "ann:secret@shop:81", ":scheme": "http" },
      { ":status": "200" },
    );
    equal(attributeOf(fields, "server.address"), "shop");
    equal(attributeOf(fields, "url.full"), "http://shop:81/");
  });
});
