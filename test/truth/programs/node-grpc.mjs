// gRPC's client for Node (@grpc/grpc-js): the method's name is the path, as streams of one connection.
import http from "node:http";
import { createRequire } from "node:module";
import { serve } from "./work.mjs";

const { Client, credentials } = createRequire(`${process.env.TRUTH_MODULES}/`)("@grpc/grpc-js");
const client = new Client(new URL(process.env.NEXT).host, credentials.createInsecure());
const serialize = (message) => message;

function call(path, patienceMs) {
  const method = path.slice(0, path.indexOf("?"));
  const deadline = Date.now() + patienceMs;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, serialize, serialize, Buffer.from(path), { deadline }, (error) => {
      if (error) reject(error);
      else resolve(200);
    });
  });
}

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, call).catch(() => response.destroy());
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
