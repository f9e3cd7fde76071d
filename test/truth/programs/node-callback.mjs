// Node without timers or promises between the request and its call: plain callbacks.
import http from "node:http";

const next = new URL(process.env.NEXT);
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(process.env.POOL ?? 256) });

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const mark = request.url.indexOf("?");
    const path = `${request.url.slice(0, mark)}.1${request.url.slice(mark)}`;
    http.get({ host: next.hostname, port: next.port, path, agent }, (answer) => {
      answer.resume().on("end", () => response.end("ok\n"));
    });
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
