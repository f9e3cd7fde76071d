import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import type { FlameData } from "../../../src/extension/zpages/flame-data.ts";
import { zpagesSettings } from "../../../src/extension/zpages/settings.ts";
import { Zpages } from "../../../src/extension/zpages/zpages.ts";
import { StageAccount } from "../../../src/mapping/account.ts";
import { SpanKind } from "../../../src/mapping/span.ts";
import { makeFrame, makeProfile, makeProfileSample } from "../../support/profiles.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";
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

  describe("profiles", () => {
    const SPAN_ID = "00000000000000aa";
    const evil = "</script><script>alert(1)</script>\u202e";
    beforeEach(() => {
      const server = span({ spanId: SPAN_ID, name: "GET /a", kind: SpanKind.server });
      pages.store.consume([server]);
      pages.profiles.spans.consume([server]);
      const samples = [
        makeProfileSample({ link: { traceId: TRACE_ID, spanId: SPAN_ID } }),
        makeProfileSample({ link: undefined, stack: [makeFrame(evil)] }),
      ];
      pages.profiles.consume([makeProfile({ resource: resource("shop"), samples })]);
    });

    it("are a page, its data, and scripts of our own", async () => {
      const page = await withToken("/profile");
      assert.equal(page.code, 200);
      const scripts = [...page.body.matchAll(/src="([^"]+)"/g)].map(([, path]) => path!);
      assert.deepEqual(scripts, ["/assets/flame-app.js"]);
      for (let script = scripts.shift(); script !== undefined; script = scripts.shift()) {
        const { code, body, headers } = await withToken(script);
        assert.deepEqual([code, headers["content-type"]], [200, "text/javascript; charset=utf-8"]);
        for (const [, path] of body.matchAll(/from ?"([^"]+)"/g)) {
          assert.match(path!, /^\.\/[\w-]+\.js$/);
          scripts.push(`/assets${path!.slice(1)}`);
        }
      }
      const data = JSON.parse((await withToken("/profile.json")).body) as FlameData;
      assert.equal(data.sampleCount, 2);
      assert.ok(!JSON.stringify(data).includes("\u202e"));
      for (const path of ["/profile", "/profile.json", "/assets/flame-app.js", "/profile.pb.gz"]) {
        assert.equal((await get(path)).code, 401, path);
      }
      assert.match(String(page.headers["content-security-policy"]), /script-src 'self'; connect-src 'self'/);
    });

    it("are linked from the waterfall: this span, and all of its name", async () => {
      const { body } = await withToken(`/trace/${TRACE_ID}`);
      const links = [...body.matchAll(/href="(\/profile[^"]+)"/g)].map(([, path]) => path!.replaceAll("&#38;", "&"));
      assert.equal(links.length, 3);
      for (const link of links) {
        const { search } = new URL(link, "http://zpages");
        const data = JSON.parse((await withToken(`/profile.json${search}`)).body) as FlameData;
        assert.equal(data.sampleCount, 1, link);
      }
    });

    it("keep what was asked for when the address brings the token", async () => {
      assert.equal(
        (await get(`/profile?span=${SPAN_ID}&token=${TOKEN}`)).headers["location"],
        `/profile?span=${SPAN_ID}`,
      );
    });

    it("are drawn by a browser, within our own policy", async function () {
      this.timeout(60_000);
      const browser = ["chromium", "chromium-browser", "google-chrome"].find(
        (name) => spawnSync(name, ["--version"]).status === 0,
      );
      if (browser === undefined) skip(this, "there is no chromium");
      const url = `http://127.0.0.1:${port}/profile?token=${TOKEN}`;
      const scratch = await Scratch.create();
      const options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        `--user-data-dir=${scratch.folder}`,
        "--virtual-time-budget=4000",
      ];
      // Not spawnSync: the pages answer from this very thread.
      const child = spawn(browser, [...options, "--enable-logging=stderr", "--dump-dom", url]);
      let [dom, log] = ["", ""];
      child.stdout.on("data", (chunk) => {
        dom += chunk;
      });
      child.stderr.on("data", (chunk) => {
        log += chunk;
      });
      await once(child, "close");
      await scratch.cleanUp();
      assert.match(dom, /role="treeitem"[^>]*aria-label="work, 50\.0 %, 10\.3 ms"/);
      assert.match(dom, /2 samples · 50\.0 % linked to spans/);
      assert.doesNotMatch(log, /Content Security Policy/);
    });
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
