/**
 * Who hands jobs to ThreadPoolExecutor where its threads are greenlets (`monkey.patch_all()`): gevent puts a queue of its
 * own in the place of `_queue.SimpleQueue`. `submit` calls the `put` of the class that concurrent/futures/thread.py finds
 * in the module `queue`: one that Cython has made, or Python code, which appends to a deque. So a uprobe sits on the
 * function behind it (bpf/unit/python.bpf.h).
 */
import { u64, viewOf } from "../elf/elf-file.ts";
import { placeAt } from "./code-place.ts";
import type { FrameLayout } from "./cpython-layout.ts";
import { findTypeFunction, type WantedFunction } from "./cpython-types.ts";
import type { Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { PyOffset, PythonObjects } from "./python-objects.ts";
import type { UprobePlan } from "./unit-plan.ts";

const QUEUE = ["concurrent.futures.thread", "queue", "SimpleQueue"] as const;
const PYTHON_QUEUE = { qualifiedName: "_PySimpleQueue.put", file: /\/queue\.py$/ };
const APPEND: WantedFunction = { type: "collections.deque", method: "append", module: "_collections" };
/** PyMethodDef: name, function, flags. */
const METHOD_FUNCTION = 8;
const METHOD_FLAGS = 16;
const METHOD_BYTES = 20;
/** METH_FASTCALL: the second argument is an array of the positional ones (Include/methodobject.h). */
const FAST_CALL = 0x80;

/**
 * @param modules address of sys.modules
 * @returns undefined where no such pool can be there yet, or its queue is of another kind
 */
export async function findGreenletPut(
  process: ProcessView,
  image: Image,
  layout: FrameLayout,
  modules: number,
): Promise<UprobePlan | undefined> {
  const objects = new PythonObjects(process, layout);
  let dictionary = modules;
  let found = 0;
  for (const name of QUEUE) {
    found = await objects.valueIn(dictionary, name);
    if (found === 0) return undefined;
    dictionary = await objects.pointer(found + PyOffset.moduleDictionary);
  }
  const put = await objects.valueIn(await objects.pointer(found + PyOffset.typeDictionary), "put");
  if (put === 0) return undefined;
  const type = await objects.typeName(put);
  if (type === "function") {
    const code = await objects.code(await objects.follow(put, [PyOffset.functionCode]));
    const isKnown = code?.qualifiedName === PYTHON_QUEUE.qualifiedName && PYTHON_QUEUE.file.test(code.fileName);
    const append = isKnown ? await findTypeFunction(process, image, APPEND) : undefined;
    return append && { program: "python_append", ...append };
  }
  if (!type.endsWith("cython_function_or_method") && type !== "method_descriptor") return undefined;
  const offset = type === "method_descriptor" ? PyOffset.descriptorMethod : PyOffset.builtinMethod;
  return placeOf(process, await objects.pointer(put + offset));
}

async function placeOf(process: ProcessView, method: number): Promise<UprobePlan | undefined> {
  if (method === 0) return undefined;
  const view = viewOf(await process.memory(method, METHOD_BYTES));
  if (view.byteLength < METHOD_BYTES || (view.getInt32(METHOD_FLAGS, true) & FAST_CALL) === 0) return undefined;
  const place = await placeAt(process, u64(view, METHOD_FUNCTION));
  return place && { program: "python_submit", ...place };
}
