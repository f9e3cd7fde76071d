// As serve.c, on an event loop: the thread is written as 0.
import { openSync, writeSync } from "node:fs";
import { createServer } from "node:http";

const TURNS = 1_000_000;
const truth = openSync(process.argv[3], "w");
globalThis.sink = 0;

function turn(n) {
  let x = 1;
  for (let i = 0; i < n; i++) x = x * 1.0000001 + 0.5;
  return x;
}

function heavy(n) {
  globalThis.sink += turn(3 * n);
}

function light(n) {
  globalThis.sink += turn(n);
}

// V8 puts functions that it optimises into their callers, unless a place calls many, as routers do.
const idle = [(n) => n, (n) => n + 1, (n) => n + 2, (n) => n + 3];
const routes = new Map([...idle, heavy, light].map((route, index) => [`/${route.name || index}`, route]));
for (let i = 0; i < 1000; i++) for (const route of routes.values()) route(1);

createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const start = process.hrtime.bigint();
  routes.get(url.pathname)(TURNS);
  const end = process.hrtime.bigint();
  writeSync(truth, `0 ${start} ${end} ${url.searchParams.get("id")}\n`);
  response.end("ok");
}).listen(Number(process.argv[2]), "127.0.0.1");
