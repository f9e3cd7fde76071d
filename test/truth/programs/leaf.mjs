// The end of every chain: answers after 0 to 4 ms and never calls on. d=MS: after that long; s=N: in N parts, 50 ms
// apart; r=1: the first attempt of each id is answered with 503.
import http from "node:http";

const attempted = new Set();

function isFirstAttempt(path) {
  if (attempted.delete(path)) return false;
  attempted.add(path);
  return true;
}

async function stream(response, parts) {
  for (let part = 0; part < parts; part++) {
    response.write("part\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  response.end("ok\n");
}

const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  const { pathname, searchParams } = new URL(request.url, "http://leaf");
  const parts = Number(searchParams.get("s") ?? 0);
  if (searchParams.has("r") && isFirstAttempt(pathname)) response.statusCode = 503;
  const delayMs = Number(searchParams.get("d") ?? Math.random() * 4);
  setTimeout(() => (parts > 0 ? void stream(response, parts) : response.end("ok\n")), delayMs);
});
server.listen(Number(process.env.PORT), "127.0.0.1");
