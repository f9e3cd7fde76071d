// The end of every chain: answers after 0 to 4 ms and never calls on. d=MS: after that long; s=N: in N parts, 50 ms
// apart; r=1: the first attempt of each id is answered with 503. HTTP2=1: over HTTP/2 without TLS, also to gRPC's clients.
import http from "node:http";
import http2 from "node:http2";

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

/** An empty message. */
function answerGrpc(response) {
  response.writeHead(200, { "content-type": "application/grpc" });
  response.addTrailers({ "grpc-status": "0" });
  response.end(Buffer.alloc(5));
}

function answer(request, response) {
  request.resume();
  const { pathname, searchParams } = new URL(request.url, "http://leaf");
  const parts = Number(searchParams.get("s") ?? 0);
  if (searchParams.has("r") && isFirstAttempt(pathname)) response.statusCode = 503;
  const delayMs = Number(searchParams.get("d") ?? Math.random() * 4);
  setTimeout(() => {
    if (request.headers["content-type"] === "application/grpc") answerGrpc(response);
    else if (parts > 0) void stream(response, parts);
    else response.end("ok\n");
  }, delayMs);
}

const server =
  process.env.HTTP2 === "1" ? http2.createServer(answer) : http.createServer({ keepAliveTimeout: 60_000 }, answer);
server.listen(Number(process.env.PORT), "127.0.0.1");
