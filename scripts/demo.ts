/**
 * `npm run demo [-- ARGS]`: two small services that nobody instrumented and a visitor, with the receiver beside them.
 * The shop calls the stock for each page; ARGS go to `sockspan run`. Ctrl-C ends all of it.
 */
import { spawn } from "node:child_process";
import http from "node:http";
import type { AddressInfo } from "node:net";

const ROLE = process.env["SOCKSPAN_DEMO_ROLE"];
const ITEMS = ["apple", "pear", "plum"];

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get(url, (response) => {
        let body = "";
        response.on("data", (chunk) => {
          body += chunk;
        });
        response.on("end", () => resolve(body));
      })
      .on("error", reject);
  });
}

function listen(server: http.Server): void {
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}

function stock(): void {
  listen(http.createServer((_, response) => setTimeout(() => response.end("7 left\n"), 3 + Math.random() * 10)));
}

function shop(): void {
  const next = process.env["SOCKSPAN_DEMO_NEXT"];
  listen(
    http.createServer((request, response) => {
      get(`${next}/stock${request.url}`).then(
        (text) => response.end(text),
        () => response.writeHead(502).end(),
      );
    }),
  );
}

function visitor(): void {
  const next = process.env["SOCKSPAN_DEMO_NEXT"];
  let count = 0;
  setInterval(() => void get(`${next}/${ITEMS[count++ % ITEMS.length]}`).catch(() => {}), 1000);
}

/** Starts this file again as one of the parts. @returns the port that it listens on, 0 for none */
function part(role: string, next: string): Promise<number> {
  const child = spawn(process.execPath, [import.meta.filename], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, SOCKSPAN_DEMO_ROLE: role, SOCKSPAN_DEMO_NEXT: next, OTEL_SERVICE_NAME: role },
  });
  process.on("exit", () => child.kill());
  return new Promise((resolve, reject) => {
    child.once("message", (port) => resolve(port as number));
    child.once("error", reject);
    if (role === "visitor") resolve(0);
  });
}

async function main(): Promise<void> {
  const stockPort = await part("stock", "");
  const shopPort = await part("shop", `http://127.0.0.1:${stockPort}`);
  await part("visitor", `http://127.0.0.1:${shopPort}`);
  const sockspan = spawn("bin/sockspan", ["run", ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => sockspan.kill(signal));
  sockspan.on("exit", (code) => process.exit(code ?? 1));
}

if (ROLE === "stock") stock();
else if (ROLE === "shop") shop();
else if (ROLE === "visitor") visitor();
else await main();
