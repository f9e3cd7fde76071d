/** The service of the gRPC pair: messages are bytes, so that no schema is needed. */
import type { MethodDefinition } from "@grpc/grpc-js";

const plain = (value: Buffer): Buffer => value;

function method(name: string, responseStream = false): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/shop.Carts/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: plain,
    requestDeserialize: plain,
    responseSerialize: plain,
    responseDeserialize: plain,
  };
}

export const CARTS = { get: method("Get"), list: method("List", true), fail: method("Fail") };
