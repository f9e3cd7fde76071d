import assert from "node:assert/strict";
import { layOutFlames } from "../../../src/extension/zpages/browser/flame-layout.ts";
import { flameData } from "../../../src/extension/zpages/flame-data.ts";
import { readFilter } from "../../../src/extension/zpages/flame-query.ts";
import { ProfileStore } from "../../../src/extension/zpages/profile-store.ts";
import { storedProfile } from "../../../src/extension/zpages/stored-profile.ts";
import type { Profile } from "../../../src/mapping/profile.ts";
import { SpanKind } from "../../../src/mapping/span.ts";
import { makeFrame, makeProfile, makeProfileSample, profileTime } from "../../support/profiles.ts";
import { resource, span, TRACE_ID } from "./support.ts";

const SPAN_A = "00000000000000aa";
const SPAN_B = "00000000000000bb";
const stack = (...names: string[]) => names.map((name) => makeFrame(name));
const sample = (names: string[], spanId?: string) =>
  makeProfileSample({ stack: stack(...names), link: spanId === undefined ? undefined : { traceId: TRACE_ID, spanId } });
const profile = (service: string, samples: Profile["samples"], change: Partial<Profile> = {}) =>
  makeProfile({ resource: resource(service), samples, periodNano: 10, ...change });

function filled(): ProfileStore {
  const store = new ProfileStore(1000);
  store.spans.consume([
    span({ spanId: SPAN_A, name: "GET /a", kind: SpanKind.server }),
    span({ spanId: SPAN_B, name: "GET /b", kind: SpanKind.server }),
  ]);
  store.consume([
    profile("shop", [
      sample(["burn", "a", "main"], SPAN_A),
      sample(["burn", "a", "main"], SPAN_A),
      sample(["b", "main"], SPAN_B),
    ]),
    profile("cart", [sample(["idle", "main"])]),
    profile("cart", [sample(["poll", "main"])], { type: "off_cpu" }),
  ]);
  return store;
}

describe("flame graph", () => {
  it("weighs functions below their callers, by service", () => {
    const data = flameData(filled(), { type: "cpu" });
    assert.deepEqual([data.sampleCount, data.linkedCount, data.root.v], [4, 3, 40]);
    const [cart, shop] = data.root.c;
    assert.deepEqual([cart!.n, cart!.v, shop!.n, shop!.v], ["cart", 10, "shop", 30]);
    const main = shop!.c[0]!;
    assert.deepEqual(
      main.c.map(({ n, v, s }) => [n, v, s]),
      [
        ["a", 20, 0],
        ["b", 10, 10],
      ],
    );
    assert.deepEqual(data.top.map(({ name, selfNs, totalNs }) => [name, selfNs, totalNs]).slice(0, 2), [
      ["burn", 20, 20],
      ["b", 10, 10],
    ]);
    assert.deepEqual(data.top.find(({ name }) => name === "main")?.totalNs, 40);
    assert.deepEqual(data.types, ["cpu", "off_cpu"]);
    assert.deepEqual(
      data.spans.map(({ name, kind, valueNs }) => [name, kind, valueNs]),
      [
        ["GET /a", "SERVER", 20],
        ["GET /b", "SERVER", 10],
      ],
    );
  });

  it("counts a function that calls itself once", () => {
    const store = new ProfileStore(10);
    store.consume([profile("shop", [sample(["fib", "fib", "fib", "main"])])]);
    const fib = flameData(store, { type: "cpu" }).top.find(({ name }) => name === "fib");
    assert.deepEqual([fib?.selfNs, fib?.totalNs], [10, 10]);
  });

  const countOf = (query: string) =>
    flameData(filled(), readFilter(new URLSearchParams(query), Number(profileTime / 1_000_000n))).sampleCount;
  it("is of the host, a process, a kind or a name of spans, a trace, a span, or the time that is asked for", () => {
    assert.equal(countOf(""), 4);
    assert.equal(countOf("service=cart"), 1);
    assert.equal(countOf("service=shop&pid=1"), 0);
    assert.equal(countOf("kind=SERVER"), 3);
    assert.equal(countOf("kind=CONSUMER"), 0);
    assert.equal(countOf("name=GET%20/a&kind=SERVER"), 2);
    assert.equal(countOf(`trace=${TRACE_ID}`), 3);
    assert.equal(countOf(`trace=${TRACE_ID}&span=${SPAN_B}`), 1);
    assert.equal(countOf("type=off_cpu"), 1);
    assert.equal(countOf("since=60"), 4);
    assert.equal(countOf("since=x&pid=y&type=z&kind=w"), 4);
    assert.deepEqual(
      filled().countsOf(TRACE_ID),
      new Map([
        [SPAN_A, 2],
        [SPAN_B, 1],
      ]),
    );
  });

  it("forgets the oldest, and their functions", () => {
    const store = new ProfileStore(3);
    for (let i = 0; i < 10; i++) store.consume([profile("shop", [sample([`f${i}`, `g${i % 2}`, "main"])])]);
    const data = flameData(store, { type: "cpu" });
    assert.deepEqual(
      data.root.c[0]!.c[0]!.c.map(({ n, c }) => [n, c.map((child) => child.n)]),
      [
        ["g0", ["f8"]],
        ["g1", ["f7", "f9"]],
      ],
    );
    assert.deepEqual(
      [store.account.in, store.account.held, store.account.consumed],
      [10, 3, new Map([["evicted", 7]])],
    );
    for (const { leaf } of store.matching({ type: "cpu" })) leaf.release();
    assert.equal(store.root.child("shop", "", "process").parent, store.root);
  });

  it("can be had as a profile again", () => {
    const [shop, cart] = storedProfile(filled(), { type: "cpu" });
    assert.equal(shop!.samples.length, 3);
    assert.deepEqual(
      shop!.samples[0]!.stack.map(({ lines }) => [lines[0]!.functionName, lines[0]!.lineNumber]),
      [
        ["burn", 7],
        ["a", 7],
        ["main", 7],
      ],
    );
    assert.deepEqual(cart!.resource.attributes[0], ["service.name", "cart"]);
  });

  describe("layout", () => {
    const { root } = flameData(filled(), { type: "cpu" });
    const boxes = (zoom: string[], search = "none") => {
      const layout = layOutFlames(root, zoom, ({ n }) => n.includes(search), 0);
      return { ...layout, shown: layout.boxes.map(({ node, depth, left, width }) => [node.n, depth, left, width]) };
    };

    it("gives each function its share of the width", () => {
      assert.deepEqual(boxes([]).shown, [
        ["all", 0, 0, 1],
        ["cart", 1, 0, 0.25],
        ["main", 2, 0, 0.25],
        ["idle", 3, 0, 0.25],
        ["shop", 1, 0.25, 0.75],
        ["main", 2, 0.25, 0.75],
        ["a", 3, 0.25, 0.5],
        ["burn", 4, 0.25, 0.5],
        ["b", 3, 0.75, 0.25],
      ]);
    });

    it("zooms, and stays where it was as far as that is still there", () => {
      const { shown, focus, boxes: all } = boxes(["process shop", "native main", "native a"]);
      assert.deepEqual(
        shown.map(([name, , , width]) => [name, width]),
        [
          ["all", 1],
          ["shop", 1],
          ["main", 1],
          ["a", 1],
          ["burn", 1],
        ],
      );
      assert.equal(focus.n, "a");
      assert.deepEqual(all.filter(({ isAncestor }) => isAncestor).length, 3);
      assert.equal(boxes(["process shop", "native gone"]).focus.n, "shop");
    });

    it("weighs what matches once, however it is nested", () => {
      assert.equal(boxes([], "b").matched, 30);
      assert.equal(boxes([], "main").matched, 40);
      assert.equal(boxes([], "shop").matched, 30);
    });
  });
});
