// Node's built-in fetch (undici's global pool).
import http from "node:http";
import { serve } from "./work.mjs";

const call = async (path) => (await fetch(process.env.NEXT + path)).text();

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, call).catch(() => response.destroy());
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
