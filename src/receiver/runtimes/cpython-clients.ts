/**
 * Clients of CPython that call by tasks of their own, made by whoever was done before where calls queue: Tornado's
 * AsyncHTTPClient. From the coroutine of such a task the way goes to the future that the caller awaits, and to the caller's context:
 *
 *   _HTTPConnection.run -> self -> final_callback, which is a function in AsyncHTTPClient.fetch -> its variable `future`
 */
import { type PoolSite, UnitKind } from "../../bpf/layout.gen.ts";
import { NO_POOL_SITE } from "../../bpf/no-pool-site.ts";
import { attributeOf } from "./cpython-job-way.ts";
import { FRAME_WORDS, type FrameLayout } from "./cpython-layout.ts";
import { isOf } from "./cpython-pool-loops.ts";
import { PyOffset, type PythonCode, type PythonObjects } from "./python-objects.ts";

const CONNECTION = {
  module: "tornado.simple_httpclient",
  type: "_HTTPConnection",
  qualifiedName: "_HTTPConnection.run",
  file: /\/tornado\/simple_httpclient\.py$/,
  /** Which of its attributes, in the order in which they are made since Tornado 5. */
  finalCallback: 6,
};
const FETCH = { module: "tornado.httpclient", type: "AsyncHTTPClient", method: "fetch", closure: "handle_response" };
const FUTURE = "future";

/** @returns undefined where it is not loaded (yet) */
export async function findClient(
  objects: PythonObjects,
  layout: FrameLayout,
  modules: number,
): Promise<PoolSite | undefined> {
  const [connections = 0, fetches = 0] = await objects.valuesIn(modules, [CONNECTION.module, FETCH.module]);
  if (connections === 0 || fetches === 0) return undefined;
  const run = await methodIn(objects, connections, CONNECTION.type, "run");
  const fetch = await methodIn(objects, fetches, FETCH.type, FETCH.method);
  if (run === undefined || fetch === undefined || !isOf(run, CONNECTION)) return undefined;
  const inner = await objects.codeIn(fetch, `${fetch.qualifiedName}.<locals>.${FETCH.closure}`);
  const index = inner === undefined ? -1 : (await inner.freeNames()).indexOf(FUTURE);
  if (inner === undefined || index < 0) return undefined;
  const toCallback = attributeOf(layout, CONNECTION.finalCallback);
  const toFuture = [PyOffset.functionClosure, PyOffset.tupleItems + 8 * index, PyOffset.cellContent];
  return {
    ...NO_POOL_SITE,
    code: run.address,
    codeOffset: layout.coroutineFrame + layout.code,
    jobOffset: layout.coroutineFrame + 8 * FRAME_WORDS,
    proof: inner.address,
    proofHop: toCallback.length,
    proofOffset: PyOffset.functionCode,
    hopCount: toCallback.length + toFuture.length + 1,
    hops: [...toCallback, ...toFuture, PyOffset.futureContext],
    unitKind: UnitKind.pythonContext,
  };
}

async function methodIn(
  objects: PythonObjects,
  module: number,
  type: string,
  method: string,
): Promise<PythonCode | undefined> {
  const holder = await objects.valueIn(await objects.pointer(module + PyOffset.moduleDictionary), type);
  const [callable = 0] = holder === 0 ? [] : await objects.methodsOf(holder, [method]);
  return objects.codeOf(callable);
}
