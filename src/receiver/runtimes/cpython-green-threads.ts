/** Frames at the bottom of a thread of Python that is a greenlet of eventlet's (`monkey_patch()`): its own lie between. */
import { PyOffset, type PythonCode, type PythonObjects } from "./python-objects.ts";

/** In the order in which they lie on the stack; undefined: not found. */
export type Codes = readonly (PythonCode | undefined)[];

const MODULE = "eventlet.green.thread";
const BODY = "__thread_body";
const SPAWN = "__spawn_green";
const WRAPPED = `${SPAWN}.<locals>.wrap_bootstrap_inner`;
/** In `threading`: what makes threads. */
const START = "_start_new_thread";

/**
 * @param modules address of sys.modules
 * @param threading globals of that module
 * @param thread Thread._bootstrap, _bootstrap_inner, run
 */
export async function framesOfThread(
  objects: PythonObjects,
  modules: number,
  threading: number,
  thread: Codes,
): Promise<Codes> {
  const module = await objects.valueIn(modules, MODULE);
  if (module === 0) return thread;
  const globals = await objects.pointer(module + PyOffset.moduleDictionary);
  const [body = 0, spawn = 0] = await objects.valuesIn(globals, [BODY, SPAWN]);
  const start = await objects.valueIn(threading, START);
  // The interpreter's own is no Python code.
  if (start === 0 || (await objects.typeName(start)) !== "function") return thread;
  const spawner = await objects.codeOf(spawn);
  const wrapped = spawner && (await objects.codeIn(spawner, WRAPPED));
  const [bootstrap, inner, run] = thread;
  return [await objects.codeOf(body), bootstrap, wrapped, inner, run];
}
