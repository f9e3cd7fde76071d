/** Asks the sockspans that run on this host. */
import { readdirSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { CONTROL_NAME, type ControlQuestion } from "./control.ts";

const TIMEOUT_MS = 5000;
const MAX_ANSWER_BYTES = 64 << 20;

/** @returns the answers, in no order; none where nothing runs, or nothing that this user may ask */
export async function askRunning(folder: string, question: ControlQuestion): Promise<readonly unknown[]> {
  const answers = await Promise.all(runningIn(folder).map((path) => askOne(path, question)));
  return answers.filter((answer) => answer !== undefined);
}

/** Their sockets; some may be of one that was killed. */
export function runningIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => CONTROL_NAME.test(name))
      .map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

/** undefined: it is gone, or did not answer in time. */
export function askOne(path: string, question: ControlQuestion): Promise<unknown> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(path, () => socket.end(`${JSON.stringify(question)}\n`));
    socket.setEncoding("utf8").setTimeout(TIMEOUT_MS, () => socket.destroy());
    socket.on("data", (part: string) => {
      text += part;
      if (text.length > MAX_ANSWER_BYTES) socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // Left by one that was killed.
      if (error.code === "ECONNREFUSED") forget(path);
    });
    socket.on("close", () => resolve(parse(text)));
  });
}

function forget(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else did, or we may not.
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
