/** An HTTP/1.1 client that sends without waiting for answers (RFC 9112, 9.3.2); Node's own does not. */
import { connect, type Socket } from "node:net";

const HEAD_END = "\r\n\r\n";

export class PipelinedConnection {
  readonly #port: number;
  #socket: Socket | undefined;
  #waiting: ((status: number) => void)[] = [];
  #text = "";

  constructor(port: number) {
    this.#port = port;
  }

  /** @returns the status; 0: the connection ended before the answer */
  get(path: string): Promise<number> {
    const socket = this.#connected();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connected(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    const socket = connect(this.#port, "127.0.0.1").setNoDelay().setEncoding("latin1");
    this.#socket = socket;
    this.#text = "";
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = undefined;
      for (const resolve of this.#waiting.splice(0)) resolve(0);
    });
    return socket;
  }

  #read(text: string): void {
    this.#text += text;
    for (;;) {
      const headEnd = this.#text.indexOf(HEAD_END);
      if (headEnd < 0) return;
      const head = this.#text.slice(0, headEnd).toLowerCase();
      const end = this.#bodyEnd(head, headEnd + HEAD_END.length);
      if (end === undefined) return;
      this.#text = this.#text.slice(end);
      this.#waiting.shift()?.(Number(/^http\/1\.1 (\d+)/.exec(head)?.[1] ?? 0));
    }
  }

  /** @returns where the answer ends; undefined: not yet here */
  #bodyEnd(head: string, start: number): number | undefined {
    if (/transfer-encoding: *chunked/.test(head)) {
      const last = this.#text.indexOf("0\r\n\r\n", start);
      return last < 0 ? undefined : last + 5;
    }
    const end = start + Number(/content-length: *(\d+)/.exec(head)?.[1] ?? 0);
    return this.#text.length < end ? undefined : end;
  }
}
