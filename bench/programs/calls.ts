/** A server whose handlers call once, when the request has come, and wait for that: `calls PORT UPSTREAM_PORT`. */
import { Agent, createServer, get } from "node:http";

const [port = 0, upstreamPort = 0] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true });

function call(): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port: upstreamPort, path: "/return/call", agent }, (response) => {
      response.resume().on("end", resolve);
    }).on("error", reject);
  });
}

createServer(async (_, response) => {
  await call();
  response.end("ok\n");
}).listen(port, "127.0.0.1", () => process.stdout.write("listening\n"));
