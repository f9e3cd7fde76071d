import assert from "node:assert/strict";
import { SpanKind } from "../../../src/mapping/span.ts";
import { attribute, get, Host, ok } from "../../support/host.ts";

const NGINX = { tgid: 10, comm: "nginx" };
const PHP = { tgid: 20, pid: 21, comm: "php-fpm" };
const PATH = "/run/php/php-fpm.sock\0";

describe("AF_UNIX streams", () => {
  it("are joined as TCP is, and named by the server's path", () => {
    const host = new Host();
    host.connect({ socketName: PATH }).request(NGINX, PHP, get("/a")).respond(PHP, NGINX, ok("hello"));
    host.pass(0);
    const [server, client] = host.end();
    assert.ok(server !== undefined && client !== undefined);
    assert.deepEqual([client.kind, server.kind], [SpanKind.client, SpanKind.server]);
    assert.equal(server.parentSpanId, client.spanId);
    assert.equal(server.traceId, client.traceId);
    assert.equal(attribute(client, "network.transport"), "unix");
    assert.equal(attribute(client, "network.peer.address"), "/run/php/php-fpm.sock");
    assert.equal(attribute(server, "network.local.address"), "/run/php/php-fpm.sock");
    for (const key of ["network.peer.port", "network.type", "server.port", "client.address", "sockspan.tcp.seq"]) {
      assert.equal(attribute(client, key), undefined, key);
      assert.equal(attribute(server, key), undefined, key);
    }
    assert.equal(attribute(server, "network.peer.address"), undefined, "the client's end has no name");
  });

  it("give the path as the server's address where the request names no other", () => {
    const host = new Host();
    const link = host.connect({ socketName: PATH, only: "client" });
    link.request(NGINX, PHP, "GET /b HTTP/1.0\r\n\r\n").respond(PHP, NGINX, ok());
    const [client] = host.end();
    assert.equal(attribute(client!, "server.address"), "/run/php/php-fpm.sock");
    assert.equal(attribute(client!, "url.full"), "http://localhost/b");
    assert.equal(attribute(client!, "peer.service"), "/run/php/php-fpm.sock");
  });

  it("write the zero of an abstract name as @", () => {
    const host = new Host();
    host.connect({ socketName: "\0backend", only: "client" }).request(NGINX, PHP, get("/")).respond(PHP, NGINX, ok());
    assert.equal(attribute(host.end()[0]!, "network.peer.address"), "@backend");
  });

  it("are joined when the reader's event stands before the sender's, in both directions", () => {
    const host = new Host();
    const link = host.connect({ socketName: PATH });
    for (const number of [1, 2, 3]) {
      link.serverReads(PHP, get(`/${number}`)).send(NGINX, get(`/${number}`));
      link.clientReads(NGINX, ok(`${number}`)).answer(PHP, ok(`${number}`));
    }
    host.pass(0);
    host.end();
    for (const number of [1, 2, 3]) {
      const server = host.spanOf(PHP.tgid, `/${number}`);
      const client = host.spanOf(NGINX.tgid, `/${number}`);
      assert.equal(server.parentSpanId, client.spanId);
      assert.equal(
        client.attributes.some(([key]) => key === "sockspan.incomplete"),
        false,
      );
    }
  });

  it("are joined when the request's send is told last of all", () => {
    const host = new Host();
    const link = host.connect({ socketName: PATH });
    link.serverReads(PHP, get("/slow")).answer(PHP, ok());
    link.send(NGINX, get("/slow")).clientReads(NGINX, ok());
    host.pass(0);
    host.end();
    assert.equal(host.spanOf(PHP.tgid).parentSpanId, host.spanOf(NGINX.tgid).spanId);
  });

  it("are not joined where the kernel can't say that both ends count alike", () => {
    const host = new Host();
    const earlier = 2 ** 40;
    const link = host.connect({
      socketName: PATH,
      serverSequences: [7, 8],
      clientOffset: earlier,
      serverOffset: earlier,
    });
    for (const path of ["/1", "/2"]) link.request(NGINX, PHP, get(path)).respond(PHP, NGINX, ok());
    host.pass(100);
    const spans = host.end();
    assert.equal(spans.length, 4);
    for (const span of spans) assert.equal(span.parentSpanId, undefined);
    assert.equal(new Set(spans.map((span) => span.spanId)).size, 4);
  });

  it("end where one end reads that the other is closed: nobody waits for an answer then", () => {
    const host = new Host();
    const link = host.connect({ socketName: PATH });
    link.request(NGINX, PHP, get("/dies"));
    link.readsEnd("client");
    host.pass(100);
    host.pass(0);
    assert.equal(host.spans.length, 2, "without an end of the input");
    for (const span of host.end()) assert.equal(attribute(span, "sockspan.incomplete"), "connection_closed");
  });

  it("end an answer without a length at both ends, also where the server only writes no more", () => {
    const host = new Host();
    const answer = "HTTP/1.0 200 OK\r\n\r\nuntil the end";
    const link = host.connect({ socketName: PATH });
    link.request(NGINX, PHP, "GET /c HTTP/1.0\r\n\r\n").respond(PHP, NGINX, answer).readsEnd("client", false);
    host.pass(100);
    assert.equal(host.spans.length, 2);
    for (const span of host.end()) {
      assert.equal(attribute(span, "http.response.status_code"), "200");
      assert.equal(attribute(span, "sockspan.incomplete"), undefined);
    }
  });

  it("leave a TCP connection alone whose cookie they do not have", () => {
    const host = new Host();
    const link = host.connect({ socketName: PATH });
    link.request(NGINX, PHP, get("/x"));
    host.connect().request(NGINX, PHP, get("/tcp")).respond(PHP, NGINX, ok());
    link.respond(PHP, NGINX, ok()).readsEnd("server").readsEnd("client");
    host.pass(0);
    host.end();
    assert.equal(attribute(host.spanOf(NGINX.tgid, "/tcp"), "network.transport"), "tcp");
  });
});
