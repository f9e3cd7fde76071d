/** Where CPython keeps what we read, by minor version on x86-64: fixed within one (Include/cpython, Include/internal). */

/** Of _PyRuntime, the interpreter and the thread state. */
export interface Offsets {
  readonly autoTssKey: number;
  readonly interpreters: number;
  readonly threads: number;
  /** Of thread_id: what pthread_self gives. */
  readonly threadId: number;
  /** Of native_thread_id; undefined before 3.11. */
  readonly nativeThreadId: number | undefined;
  readonly context: number;
  readonly contextVersion: number;
  readonly dataStack: number | undefined;
  /** Of sys.modules; undefined where frames are not read either. */
  readonly modules: number | undefined;
  /** Of a task of asyncio (Modules/_asynciomodule.c, TaskObj.task_context). */
  readonly taskContext: number;
  /** Of a coroutine (Include/cpython/genobject.h). */
  readonly coroutineName: number;
}

export const OFFSETS = new Map<string, Offsets>([
  [
    "3.9",
    {
      autoTssKey: 584,
      interpreters: 32,
      threads: 8,
      threadId: 176,
      nativeThreadId: undefined,
      context: 240,
      contextVersion: 248,
      dataStack: undefined,
      modules: undefined,
      taskContext: 168,
      coroutineName: 56,
    },
  ],
  [
    "3.10",
    {
      autoTssKey: 584,
      interpreters: 32,
      threads: 8,
      threadId: 176,
      nativeThreadId: undefined,
      context: 240,
      contextVersion: 248,
      dataStack: undefined,
      modules: undefined,
      taskContext: 176,
      coroutineName: 48,
    },
  ],
  [
    "3.11",
    {
      autoTssKey: 592,
      interpreters: 40,
      threads: 16,
      threadId: 152,
      nativeThreadId: 160,
      context: 224,
      contextVersion: 232,
      dataStack: 296,
      modules: 888,
      taskContext: 152,
      coroutineName: 40,
    },
  ],
  [
    "3.12",
    {
      autoTssKey: 1544,
      interpreters: 40,
      threads: 72,
      threadId: 136,
      nativeThreadId: 144,
      context: 208,
      contextVersion: 216,
      dataStack: 232,
      modules: 944,
      taskContext: 152,
      coroutineName: 32,
    },
  ],
  [
    "3.13",
    {
      autoTssKey: 2160,
      interpreters: 632,
      threads: 7344,
      threadId: 152,
      nativeThreadId: 160,
      context: 208,
      contextVersion: 216,
      dataStack: 232,
      modules: 7656,
      taskContext: 136,
      coroutineName: 32,
    },
  ],
]);

/** Of frames on the data stack and of the objects that they hold; from 3.11 on, which has such a stack. */
export interface FrameLayout {
  /** Of the code object in _PyInterpreterFrame; its locals are behind SPECIALS words. */
  readonly code: number;
  /** Of the globals in _PyInterpreterFrame. */
  readonly globals: number;
  /** In words; undefined: made of co_stacksize, co_nlocalsplus and the frame's own words. */
  readonly frameSize: number | undefined;
  readonly stackSize: number;
  readonly localCount: number;
  /** Of co_nfreevars. */
  readonly freeCount: number;
  /** Of the frame in a coroutine (cr_iframe). */
  readonly coroutineFrame: number;
  /** Of the characters in a compact ASCII string. */
  readonly text: number;
  /** From an instance to its attributes, in the order in which its class made them: hops, the last one plus 8 for each. */
  readonly attributes: readonly number[];
}

const FRAMES_312 = {
  code: 0,
  globals: 24,
  frameSize: 76,
  stackSize: 64,
  localCount: 72,
  freeCount: 88,
  coroutineFrame: 72,
  text: 40,
};

export const FRAME_LAYOUTS = new Map<string, FrameLayout>([
  [
    "3.11",
    {
      code: 32,
      globals: 8,
      frameSize: undefined,
      stackSize: 68,
      localCount: 76,
      freeCount: 92,
      coroutineFrame: 80,
      text: 48,
      attributes: [-32, 0],
    },
  ],
  // The pointer to the values is one too low: its lowest bit tells it from a dictionary's.
  ["3.12", { ...FRAMES_312, attributes: [-24, 1] }],
  // Behind the object, after eight bytes about themselves.
  ["3.13", { ...FRAMES_312, attributes: [24] }],
]);

/** Words of _PyInterpreterFrame before its locals. */
export const FRAME_WORDS = 9;
/** _PyStackChunk: previous, size, top, and one word that is left out in the first chunk. */
export const FIRST_FRAME = 32;
