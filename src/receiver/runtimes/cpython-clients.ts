/**
 * Clients of CPython that call by tasks of their own, made by whoever was done before where calls queue: Tornado's
 * AsyncHTTPClient. From the coroutine of such a task the way goes to the future that the caller awaits, and to the caller's context:
 *
 *   _HTTPConnection.run -> self -> final_callback, which is a function in AsyncHTTPClient.fetch -> its variable `future`
 */
import { type PoolSite, UnitKind } from "../../bpf/layout.gen.ts";
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
/** Before the instance (_PyObject_DictPointer). */
const INSTANCE_DICTIONARY = -24;
/** PyDictKeysObject, before the places; there are so many, a byte each, where a table holds 11 to 42 entries. */
const KEYS_HEAD = 32;
const OWN_TABLES: readonly number[] = [32, 64];

/** @returns the ways from its coroutines; none where it is not loaded (yet) */
export async function findClients(
  objects: PythonObjects,
  layout: FrameLayout,
  modules: number,
): Promise<readonly PoolSite[]> {
  const [connections = 0, fetches = 0] = await objects.valuesIn(modules, [CONNECTION.module, FETCH.module]);
  if (connections === 0 || fetches === 0) return [];
  const run = await methodIn(objects, connections, CONNECTION.type, "run");
  const fetch = await methodIn(objects, fetches, FETCH.type, FETCH.method);
  if (run === undefined || fetch === undefined || !isOf(run, CONNECTION)) return [];
  const inner = await objects.codeIn(fetch, `${fetch.qualifiedName}.<locals>.${FETCH.closure}`);
  const index = inner === undefined ? -1 : (await inner.freeNames()).indexOf(FUTURE);
  if (inner === undefined || index < 0) return [];
  const toFuture = [PyOffset.functionClosure, PyOffset.tupleItems + 8 * index, PyOffset.cellContent];
  return waysToAttribute(layout, CONNECTION.finalCallback).map((toCallback) => ({
    code: run.address,
    codeOffset: layout.coroutineFrame + layout.code,
    jobOffset: layout.coroutineFrame + 8 * FRAME_WORDS,
    proof: inner.address,
    proofHop: toCallback.length,
    proofOffset: PyOffset.functionCode,
    hopCount: toCallback.length + toFuture.length + 1,
    hops: [...toCallback, ...toFuture, PyOffset.futureContext],
    unitKind: UnitKind.pythonContext,
    nameText: 0,
    name: [],
  }));
}

/** From an instance that may have got a dictionary of its own: it does where it has more attributes than its class foresees. */
function waysToAttribute(layout: FrameLayout, index: number): readonly (readonly number[])[] {
  const inOwnTable = OWN_TABLES.map((places) => [
    INSTANCE_DICTIONARY,
    PyOffset.dictionaryKeys,
    KEYS_HEAD + places + 16 * index + 8,
  ]);
  return [attributeOf(layout, index), ...inOwnTable];
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
