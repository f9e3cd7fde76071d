/** Listens for questions of people who are root (ipc/control.ts), and passes them on to the worker, which knows. */
import { chmodSync, mkdirSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { type ControlQuestion, controlPath, controlQuestion } from "../ipc/control.ts";

const MAX_QUESTION_BYTES = 4096;
const MAX_CONNECTIONS = 8;
const TIMEOUT_MS = 10_000;

interface ControlSocketOptions {
  readonly folder: string;
  readonly answer: (question: ControlQuestion) => Promise<unknown>;
}

export class ControlSocket {
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /** Rejects where the folder or the socket can't be made: capturing goes on without. */
  static async open(options: ControlSocketOptions): Promise<ControlSocket> {
    const path = controlPath(options.folder, process.pid);
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    forget(path);
    const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, options.answer));
    server.maxConnections = MAX_CONNECTIONS;
    // Never open to others, not for a moment.
    const mask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
    } finally {
      process.umask(mask);
    }
    chmodSync(path, 0o600);
    server.unref();
    return new ControlSocket(server, path);
  }

  close(): void {
    this.#server.close();
    forget(this.#path);
  }
}

function serve(socket: Socket, answer: (question: ControlQuestion) => Promise<unknown>): void {
  let text = "";
  socket.setEncoding("utf8").setTimeout(TIMEOUT_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (part: string) => {
    text += part;
    if (text.length > MAX_QUESTION_BYTES) socket.destroy();
  });
  socket.on("end", () => {
    const question = parse(text);
    if (question === undefined) socket.end(`${JSON.stringify({ error: "unknown question" })}\n`);
    else
      answer(question).then(
        (value) => socket.end(`${JSON.stringify(value ?? null)}\n`),
        (error: unknown) => socket.end(`${JSON.stringify({ error: String(error) })}\n`),
      );
  });
}

function parse(text: string): ControlQuestion | undefined {
  try {
    return controlQuestion.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function forget(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // There was none.
  }
}
