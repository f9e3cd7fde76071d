/**
 * Both ends of a few exchanges that move many bytes, in one process. Arguments: what they speak, how many exchanges.
 * Says `ready`, waits for a line on stdin, prints how many exchanges were whole.
 */

import { once } from "node:events";
import { createServer as createHttpServer, get } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { credentials, Server as GrpcServer, makeGenericClientConstructor, ServerCredentials } from "@grpc/grpc-js";

const MEBIBYTE = 1 << 20;
const DOWNLOAD = Buffer.alloc(10 * MEBIBYTE, "d");
const GRPC_MESSAGES = 1000;
const GRPC_MESSAGE = Buffer.alloc(1000, "g");
const [mode = "", countText = "1"] = process.argv.slice(2);
const count = Number(countText);

interface Peers {
  /** One exchange. @returns whether it was whole */
  exchange(): Promise<boolean>;
}

const peers: Readonly<Record<string, () => Promise<Peers>>> = { http1, http2, grpc, kafka, postgresql };

async function http1(): Promise<Peers> {
  const server = createHttpServer((_, response) => response.end(DOWNLOAD)).listen(0, "127.0.0.1");
  const port = await portOf(server);
  return {
    exchange: () =>
      new Promise((resolve) => {
        get({ port, host: "127.0.0.1", path: "/download" }, (response) => {
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            size += chunk.length;
          });
          response.on("end", () => resolve(size === DOWNLOAD.length));
        });
      }),
  };
}

async function http2(): Promise<Peers> {
  const server = createHttp2Server();
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    stream.end(DOWNLOAD);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    exchange: () =>
      new Promise((resolve) => {
        const stream = session.request({ ":path": "/download" });
        let size = 0;
        stream.on("data", (chunk: Buffer) => {
          size += chunk.length;
        });
        stream.on("end", () => resolve(size === DOWNLOAD.length));
      }),
  };
}

async function grpc(): Promise<Peers> {
  const method = {
    path: "/bench.Bulk/Stream",
    requestStream: false,
    responseStream: true,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
  };
  const server = new GrpcServer();
  server.addService(
    { stream: method },
    {
      stream: (call: { write(message: Buffer): void; end(): void }) => {
        for (let i = 0; i < GRPC_MESSAGES; i++) call.write(GRPC_MESSAGE);
        call.end();
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const Client = makeGenericClientConstructor({ stream: method }, "Bulk");
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    exchange: () =>
      new Promise((resolve) => {
        let messages = 0;
        const call = client.makeServerStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          Buffer.from("ask"),
        );
        call.on("data", () => messages++);
        call.on("end", () => resolve(messages === GRPC_MESSAGES));
      }),
  };
}

/** A broker that answers each Fetch with a MiB of records. */
async function kafka(): Promise<Peers> {
  const client = Buffer.from("bench");
  const body = Buffer.alloc(MEBIBYTE, "k");
  let id = 0;
  const answer = (request: Buffer): Buffer[] => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(4 + body.length, 0);
    request.copy(head, 4, 8, 12);
    return [head, body];
  };
  const request = (): Buffer => {
    // Fetch, version 0: replica, wait, minimum bytes, no topics.
    const bytes = Buffer.alloc(14 + client.length + 16);
    bytes.writeUInt32BE(bytes.length - 4, 0);
    bytes.writeUInt16BE(1, 4);
    bytes.writeUInt32BE(++id, 8);
    bytes.writeUInt16BE(client.length, 12);
    client.copy(bytes, 14);
    return bytes;
  };
  return rawPeers(answer, request, 8 + body.length);
}

/** A server that has been logged in to, and answers each query with 10 000 rows. */
async function postgresql(): Promise<Peers> {
  const frame = (type: string, ...parts: Buffer[]): Buffer => {
    const rest = Buffer.concat(parts);
    const head = Buffer.from(`${type}0000`, "latin1");
    head.writeUInt32BE(rest.length + 4, 1);
    return Buffer.concat([head, rest]);
  };
  const column = Buffer.concat([Buffer.from([0, 1]), Buffer.from("text\0"), Buffer.alloc(18)]);
  const value = Buffer.alloc(90, "r");
  const row = frame("D", Buffer.from([0, 1, 0, 0, 0, value.length]), value);
  const rows = Buffer.concat([
    frame("T", column),
    ...Array.from({ length: 10_000 }, () => row),
    frame("C", Buffer.from("SELECT 10000\0")),
    frame("Z", Buffer.from("I")),
  ]);
  const query = frame("Q", Buffer.from("select text from lines\0"));
  const startup = Buffer.concat([Buffer.from([0, 0, 0, 18, 0, 3, 0, 0]), Buffer.from("user\0bob\0\0")]);
  const welcome = Buffer.concat([frame("R", Buffer.alloc(4)), frame("Z", Buffer.from("I"))]);
  return rawPeers(
    (request) => (request[0] === 0 ? [welcome] : [rows]),
    () => query,
    rows.length,
    { request: startup, answerBytes: welcome.length },
  );
}

const REST_AFTER_LOGIN_MS = 20;

async function rawPeers(
  answer: (request: Buffer) => readonly Buffer[],
  request: () => Buffer,
  answerBytes: number,
  login?: { readonly request: Buffer; readonly answerBytes: number },
): Promise<Peers> {
  const server = createServer((socket) => {
    socket.on("data", (bytes) => {
      for (const part of answer(bytes)) socket.write(part);
    });
  }).listen(0, "127.0.0.1");
  const socket = connect(await portOf(server), "127.0.0.1");
  const ask = async (bytes: Buffer, wanted: number): Promise<boolean> => {
    socket.write(bytes);
    return (await readBytes(socket, wanted)) === wanted;
  };
  return {
    async exchange() {
      if (login !== undefined) {
        await ask(login.request, login.answerBytes);
        // As connections of a pool do: the kernel hears of the frames before the first query.
        await sleep(REST_AFTER_LOGIN_MS);
      }
      login = undefined;
      return ask(request(), answerBytes);
    },
  };
}

function readBytes(socket: Socket, wanted: number): Promise<number> {
  return new Promise((resolve) => {
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size < wanted) return;
      socket.off("data", take);
      resolve(size);
    };
    socket.on("data", take);
  });
}

async function portOf(server: Server): Promise<number> {
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const { exchange } = await peers[mode]!();
// The first tells what is spoken; the others are measured.
await exchange();
await new Promise((resolve) => setTimeout(resolve, 200));
process.stdout.write("ready\n");
await once(process.stdin, "data");
let whole = 0;
for (let i = 0; i < count; i++) {
  whole += (await exchange()) ? 1 : 0;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
process.stdout.write(`${whole}\n`);
process.exit(0);
