/**
 * An HTTP server: `/status/N` answers N, `/body/N` answers N bytes, `/slow/N` answers after N ms, `/call/PORT/PATH` asks another server,
 * everything else 200. Argument: the port.
 */
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, , kind, value, ...rest] = (request.url ?? "/").split("/");
  if (kind === "status") response.writeHead(Number(value)).end();
  else if (kind === "body") response.end(Buffer.alloc(Number(value), "x"));
  else if (kind === "slow") setTimeout(() => response.end("slow\n"), Number(value));
  else if (kind === "call") {
    get({ host: "127.0.0.1", port: Number(value), path: `/${rest.join("/")}` }, (answered) => {
      response.writeHead(answered.statusCode ?? 500);
      answered.pipe(response);
    }).on("error", () => response.writeHead(502).end());
  } else response.end("hello\n");
}

const server = createServer((request, response) => {
  // A body is read before the answer, so that the request ends before the response begins.
  request.resume().on("end", () => answer(request, response));
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => process.stdout.write("listening\n"));
