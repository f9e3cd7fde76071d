// Node's built-in fetch (undici's global pool).
import http from "node:http";
import { serve } from "./work.mjs";

async function call(path, patienceMs) {
  const response = await fetch(process.env.NEXT + path, { signal: AbortSignal.timeout(patienceMs) });
  await response.text();
  return response.status;
}

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, call).catch(() => response.destroy());
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
