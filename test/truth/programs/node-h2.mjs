// Node's client of HTTP/2: the calls of all handlers are streams of one connection.
import http from "node:http";
import http2 from "node:http2";
import { serve } from "./work.mjs";

const session = http2.connect(process.env.NEXT);

function call(path, patienceMs) {
  return new Promise((resolve, reject) => {
    let status = 0;
    const stream = session.request({ ":path": path });
    const timer = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), patienceMs);
    stream.on("response", (headers) => {
      status = headers[":status"];
    });
    stream.on("error", reject);
    stream.on("close", () => {
      clearTimeout(timer);
      if (status === 0) reject(new Error("nobody answers"));
      else resolve(status);
    });
    stream.resume();
  });
}

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, call).catch(() => response.destroy());
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
