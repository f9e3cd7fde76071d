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

createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const start = process.hrtime.bigint();
  if (url.pathname === "/heavy") heavy(TURNS);
  else light(TURNS);
  const end = process.hrtime.bigint();
  writeSync(truth, `0 ${start} ${end} ${url.searchParams.get("id")}\n`);
  response.end("ok");
}).listen(Number(process.argv[2]), "127.0.0.1");
