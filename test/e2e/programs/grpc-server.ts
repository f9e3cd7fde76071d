/** `grpc-server PORT`: Get echoes, List sends five messages, Fail says NOT_FOUND. */
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { CARTS } from "./grpc-service.ts";

const server = new Server();
server.addService(CARTS, {
  get: (call: { request: Buffer }, callback: (error: null, value: Buffer) => void) => callback(null, call.request),
  list: (call: { write(value: Buffer): void; end(): void }) => {
    for (let number = 0; number < 5; number++) call.write(Buffer.from(`item ${number}`));
    call.end();
  },
  fail: (_: unknown, callback: (error: { code: number; details: string }) => void) =>
    callback({ code: status.NOT_FOUND, details: "no such cart" }),
});
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
