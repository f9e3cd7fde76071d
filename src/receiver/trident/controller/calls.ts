/** How a method of a service is answered: admitted, counted, and no error of ours ends more than the call. */

import * as grpc from "@grpc/grpc-js";
import { messageOf } from "../../../error.ts";
import type { ControllerCore, PushStream } from "./core.ts";

export function unary<In, Out>(
  core: ControllerCore,
  name: string,
  answer: (request: In, authority: string) => Out,
): grpc.handleUnaryCall<In, Out> {
  return (call, callback) => {
    if (!core.admit(call.getPeer())) {
      callback({ code: grpc.status.RESOURCE_EXHAUSTED, details: "too many calls" });
      return;
    }
    core.answered(name);
    try {
      callback(null, answer(call.request, call.getHost()));
    } catch (error) {
      callback({ code: grpc.status.INTERNAL, details: messageOf(error) });
    }
  };
}

export function serverStream<In, Out>(
  core: ControllerCore,
  name: string,
  answer: (request: In, call: grpc.ServerWritableStream<In, Out>) => void | Promise<void>,
): grpc.handleServerStreamingCall<In, Out> {
  return (call) => {
    call.on("error", () => undefined);
    if (!core.admit(call.getPeer())) {
      call.destroy(Object.assign(new Error("too many calls"), { code: grpc.status.RESOURCE_EXHAUSTED }));
      return;
    }
    core.answered(name);
    void Promise.resolve(answer(call.request, call)).catch(() => call.end());
  };
}

/** An agent that does not read gets no more: what is new is in the next complete message. */
const MAX_UNREAD_BYTES = 1 << 20;

/** Holds a Push open: complete at first, again when something changes, heartbeats between. */
export function holdPush<In, Out>(
  core: ControllerCore,
  call: grpc.ServerWritableStream<In, Out>,
  complete: () => Out,
  heartbeat: () => Out,
): void {
  const write = (message: Out): void => {
    if (call.writableLength < MAX_UNREAD_BYTES) call.write(message);
  };
  const stream: PushStream = {
    refresh: () => write(complete()),
    heartbeat: () => write(heartbeat()),
    end: () => call.end(),
  };
  if (!core.hold(stream)) {
    call.end();
    return;
  }
  const forget = (): void => {
    core.streams.delete(stream);
  };
  call.on("cancelled", forget);
  call.on("close", forget);
  call.on("error", forget);
  stream.refresh();
}

/** Piece after piece, as fast as the other side takes them. */
export async function writeAll<In, Out>(
  call: grpc.ServerWritableStream<In, Out>,
  messages: Iterable<Out>,
): Promise<void> {
  for (const message of messages) {
    if (call.cancelled) return;
    if (!call.write(message)) {
      await new Promise<void>((resolve) => {
        call.once("drain", resolve).once("cancelled", resolve).once("close", resolve);
      });
    }
  }
  call.end();
}
