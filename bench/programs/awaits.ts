/** A server whose handlers wait sixty times, and call twice, behind timers: `awaits PORT UPSTREAM_PORT`. */
import { Agent, createServer, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const [port = 0, upstreamPort = 0] = process.argv.slice(2).map(Number);
const AWAITS = 30;
const agent = new Agent({ keepAlive: true });

const next = async (value: number): Promise<number> => value + 1;

async function wait(): Promise<number> {
  let value = 0;
  for (let i = 0; i < AWAITS; i++) value = await next(value);
  return value;
}

function call(): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port: upstreamPort, path: "/return/call", agent }, (response) => {
      response.resume().on("end", resolve);
    }).on("error", reject);
  });
}

createServer(async (_, response) => {
  for (let i = 0; i < 2; i++) {
    await sleep(1);
    await wait();
    await call();
  }
  response.end("ok\n");
}).listen(port, "127.0.0.1", () => process.stdout.write("listening\n"));
