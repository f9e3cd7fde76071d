// Node's http with a keep-alive agent; POOL=N makes the pool smaller than the load.
import http from "node:http";
import { serve } from "./work.mjs";

const next = new URL(process.env.NEXT);
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(process.env.POOL ?? 256) });

function call(path) {
  return new Promise((resolve, reject) => {
    http
      .get({ host: next.hostname, port: next.port, path, agent }, (response) => {
        response.resume().on("end", resolve);
      })
      .on("error", reject);
  });
}

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, call).catch(() => response.destroy());
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
