/** From the job of a pool's thread to the task of asyncio that awaits it, in CPython 3.11 to 3.13. */
import { type PoolSite, UnitKind } from "../../bpf/layout.gen.ts";
import { FRAME_WORDS, type FrameLayout } from "./cpython-layout.ts";
import { ANYIO } from "./cpython-pool-loops.ts";
import { PyOffset, type PythonObjects } from "./python-objects.ts";

/** POOL_CODE_BY_NAME, POOL_NAME_WORDS (bpf/control.h) */
const BY_NAME = 1;
const NAME_WORDS = 4;

export interface Way {
  readonly hops: readonly number[];
  readonly proof: number;
  readonly proofHop: number;
  readonly proofOffset: number;
}

/** @param type that of the future, which proves it */
export function wayOfFuture(type: number): Way {
  return { hops: [PyOffset.futureContext], proof: type, proofHop: 0, proofOffset: PyOffset.type };
}

/**
 * _WorkItem.future -> its first callback, asyncio.futures._chain_future's _call_set_state -> the variable
 * `destination` of its closure, which is the future that the task awaits.
 */
export async function wayOfWorkItem(
  objects: PythonObjects,
  layout: FrameLayout,
  workItem: number,
): Promise<Way | undefined> {
  const toFunction = [...attributeOf(layout, 0), ...attributeOf(layout, 5), PyOffset.listItems, 0];
  const callback = await objects.follow(workItem, toFunction);
  if (callback === 0 || (await objects.typeName(callback)) !== "function") return undefined;
  const code = await objects.codeOf(callback);
  if (code?.qualifiedName !== "_chain_future.<locals>._call_set_state") return undefined;
  const names = await code.names();
  const count = await objects.follow(callback, [PyOffset.functionClosure, PyOffset.size]);
  if (count > names.length) return undefined;
  const index = names.slice(names.length - count).indexOf("destination");
  if (index < 0) return undefined;
  const toFuture = [PyOffset.functionClosure, PyOffset.tupleItems + 8 * index, PyOffset.cellContent];
  const future = await objects.follow(callback, toFuture);
  if ((await objects.typeName(future)) !== "_asyncio.Future") return undefined;
  return {
    hops: [...toFunction, ...toFuture, PyOffset.futureContext],
    proof: code.address,
    proofHop: toFunction.length,
    proofOffset: PyOffset.functionCode,
  };
}

/** From an instance to the attribute that its class made as number `index`. */
export function attributeOf({ attributes }: FrameLayout, index: number): number[] {
  const hops = [...attributes];
  hops[hops.length - 1]! += 8 * index;
  return hops;
}

/**
 * anyio's pool before its module is loaded, which the first request that needs a thread does, whose job a thread does at
 * once: the loop by its name, and the job by what it has to be.
 *
 * @param frame where the frame of the thread's `run` begins
 */
export function foretellAnyio(frame: number, layout: FrameLayout, futureType: number): PoolSite {
  const name = Buffer.from(ANYIO.loop.qualifiedName, "latin1");
  return {
    code: BY_NAME,
    codeOffset: frame + layout.code,
    jobOffset: frame + 8 * (FRAME_WORDS + ANYIO.jobLocal),
    ...wayOfFuture(futureType),
    hopCount: 1,
    unitKind: UnitKind.pythonContext,
    name: Array.from({ length: NAME_WORDS }, (_, index) => name.readUInt32LE(4 * index)),
    nameText: layout.text,
  };
}
