import assert from "node:assert/strict";
import { request } from "node:http";
import { Zpages, zpagesSettings } from "../../../src/extension/zpages/zpages.ts";
import { StageAccount } from "../../../src/mapping/account.ts";
import { resource, span, TRACE_ID } from "./support.ts";

const TOKEN = "token-of-the-test-run";

interface Answer {
  readonly code: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

describe("zpages", () => {
  let pages: Zpages;
  let port: number;
  const account = new StageAccount("decode", "events");

  beforeEach(async () => {
    const settings = zpagesSettings.decode({ endpoint: "127.0.0.1:0", token: TOKEN });
    const status = { summary: "capturing with 5 probes", version: "1.2.3" };
    pages = new Zpages("zpages", settings, { accounts: () => [account, pages.store.account], status: () => status });
    await pages.start();
    port = Number(new URL(pages.address!).port);
  });
  afterEach(() => pages.shutdown());

  function get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: "127.0.0.1", port, path, headers, method, agent: false }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => resolve({ code: response.statusCode ?? 0, headers: response.headers, body }));
      });
      outgoing.on("error", reject).end();
    });
  }
  const withToken = (path: string) => get(path, { authorization: `Bearer ${TOKEN}` });

  it("needs the token, and turns the printed address into a cookie", async () => {
    assert.equal((await get("/")).code, 401);
    assert.equal((await get("/?token=wrong")).code, 401);
    assert.equal((await get("/", { cookie: `sockspan_${port}=wrong` })).code, 401);
    const first = await get(new URL(pages.address!).pathname + new URL(pages.address!).search);
    assert.equal(first.code, 303);
    assert.equal(first.headers["location"], "/");
    const cookie = String(first.headers["set-cookie"]);
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    assert.equal((await get("/", { cookie: cookie.split(";")[0]! })).code, 200);
  });

  it("never redirects to another host", async () => {
    assert.equal((await get(`//evil.example/?token=${TOKEN}`)).headers["location"], "/");
    assert.equal((await get(`///evil.example/?token=${TOKEN}`)).headers["location"], "/");
  });

  it("answers under no unknown host name", async () => {
    const authorization = `Bearer ${TOKEN}`;
    assert.equal((await get("/", { authorization, host: "evil.example" })).code, 421);
    assert.equal((await get("/", { authorization, host: `localhost:${port}` })).code, 200);
    assert.equal((await get("/", { authorization, host: `[::1]:${port}` })).code, 200);
  });

  it("only reads, and says no more than it must to a browser", async () => {
    assert.equal((await get("/", { authorization: `Bearer ${TOKEN}` }, "POST")).code, 405);
    const { headers } = await withToken("/");
    assert.match(String(headers["content-security-policy"]), /default-src 'none'/);
    assert.equal(headers["x-content-type-options"], "nosniff");
  });

  it("shows traces as waterfalls, text of strangers escaped", async () => {
    const evil = "</span><script>alert(1)</script>\u001b";
    pages.store.consume([
      span({ spanId: "00000000000000aa", name: evil, resource: resource(evil) }),
      span({ spanId: "00000000000000ab", parentSpanId: "00000000000000aa", attributes: [[evil, evil]] }),
    ]);
    for (const path of ["/", `/trace/${TRACE_ID}`]) {
      const { code, body } = await withToken(path);
      assert.equal(code, 200);
      assert.match(body, /<rect class="b1"/);
      assert.match(body, /&#60;script&#62;alert\(1\)&#60;\/script&#62;\\x1b/);
      assert.doesNotMatch(body, /<script/);
    }
  });

  it("shows beside a span's name what the name leaves out", async () => {
    pages.store.consume([
      span({ spanId: "00000000000000ac", attributes: [["url.path", "/carts/6"]] }),
      span({ spanId: "00000000000000ad", attributes: [["url.full", "http://shop:8080/carts/7?a=b"]] }),
      span({ spanId: "00000000000000ae", attributes: [["db.query.text", "GET cart:8"]] }),
    ]);
    const { body } = await withToken(`/trace/${TRACE_ID}`);
    for (const text of [">GET /carts/6<", ">GET /carts/7<", ">GET cart:8<"]) assert.ok(body.includes(text), text);
  });

  it("says that a trace is gone", async () => {
    assert.equal((await withToken(`/trace/${"f".repeat(32)}`)).code, 404);
    assert.equal((await withToken("/trace/x")).code, 404);
  });

  it("lists the stage accounts with losses", async () => {
    account.addIn(5);
    account.addLost("ring_full", 2);
    const { body } = await withToken("/stages");
    assert.match(body, /<td>decode<\/td>[\s\S]*ring_full 2/);
  });

  it("gives the last traces as OTLP JSON", async () => {
    pages.store.consume([span()]);
    const { headers, body } = await withToken("/debug/traces.json");
    assert.equal(headers["content-type"], "application/json");
    assert.equal(JSON.parse(body).resourceSpans[0].scopeSpans[0].spans[0].traceId, TRACE_ID);
  });
});
