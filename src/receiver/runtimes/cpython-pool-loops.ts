/** Loops of CPython that give the threads of a pool their jobs, as their code objects name them. */
import type { PythonCode } from "./python-objects.ts";

export interface KnownLoop {
  readonly qualifiedName: string;
  readonly file: RegExp;
  /** The local variable that names the job. */
  readonly job: string;
  /** What the job is to a task: the future that it awaits, or what leads to one. */
  readonly awaitedBy?: "future" | "work_item";
}

export const LOOPS: readonly KnownLoop[] = [
  // anyio's to_thread: FastAPI's and Starlette's synchronous endpoints.
  { qualifiedName: "WorkerThread.run", file: /anyio\/_backends\/_asyncio\.py$/, job: "future", awaitedBy: "future" },
  // ThreadPoolExecutor: run_in_executor, asyncio.to_thread, gunicorn's gthread.
  { qualifiedName: "_WorkItem.run", file: /concurrent\/futures\/thread\.py$/, job: "self", awaitedBy: "work_item" },
  { qualifiedName: "ThreadedTaskDispatcher.handler_thread", file: /waitress\/task\.py$/, job: "task" },
  // A thread per connection: http.server, wsgiref, Werkzeug.
  { qualifiedName: "ThreadingMixIn.process_request_thread", file: /\/socketserver\.py$/, job: "request" },
  { qualifiedName: "WorkerThread.run", file: /cheroot\/workers\/threadpool\.py$/, job: "conn" },
];

/** ThreadPoolExecutor's thread while it has no job: the frame of a job would follow. */
export const POOL_LOOP = { qualifiedName: "_worker", file: /concurrent\/futures\/thread\.py$/ };
/** Methods of threading.Thread, from the thread's beginning. */
export const THREAD_FRAMES: readonly string[] = ["_bootstrap", "_bootstrap_inner", "run"];

export function isThreadBegin({ qualifiedName }: PythonCode): boolean {
  return qualifiedName === `Thread.${THREAD_FRAMES[0]}`;
}

export const WORK_ITEM = LOOPS.find(({ awaitedBy }) => awaitedBy === "work_item")!;
/** Its thread's class, a threading.Thread whose run is the loop; jobLocal: which of its variables names the job, since anyio 3.0. */
export const ANYIO = { module: "anyio._backends._asyncio", type: "WorkerThread", loop: LOOPS[0]!, jobLocal: 5 };

export interface KnownAhead {
  readonly loop: KnownLoop;
  readonly module: string;
  readonly type: string;
  readonly method: string;
  /** Of THREAD_FRAMES, those before it: a thread's `run` calls it, or it is that method. */
  readonly frames: number;
}

/** Loops whose jobs no task awaits: where their code is found before there is such a thread. */
export const KNOWN_AHEAD: readonly KnownAhead[] = [
  { loop: LOOPS[2]!, module: "waitress.task", type: "ThreadedTaskDispatcher", method: "handler_thread", frames: 3 },
  { loop: LOOPS[3]!, module: "socketserver", type: "ThreadingMixIn", method: "process_request_thread", frames: 3 },
  { loop: LOOPS[4]!, module: "cheroot.workers.threadpool", type: "WorkerThread", method: "run", frames: 2 },
];

export function isOf(code: PythonCode, { qualifiedName, file }: { qualifiedName: string; file: RegExp }): boolean {
  return code.qualifiedName === qualifiedName && file.test(code.fileName);
}
