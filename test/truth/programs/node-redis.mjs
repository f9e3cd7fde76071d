// Commands to Redis over the one connection that all handlers share: those of one turn leave in one write.
import http from "node:http";
import { createRequire } from "node:module";
import { serve } from "./work.mjs";

const { createClient } = createRequire(`${process.env.TRUTH_MODULES}/`)("redis");
const client = createClient({ url: process.env.NEXT });
await client.connect();

async function get(path) {
  await client.get(path.slice(0, path.indexOf("?")));
  return 200;
}

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, get).catch(() => response.destroy());
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
