// The end of every chain: answers after 0 to 4 ms, never calls on.
import http from "node:http";

const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  setTimeout(() => response.end("ok\n"), Math.random() * 4);
});
server.listen(Number(process.env.PORT), "127.0.0.1");
