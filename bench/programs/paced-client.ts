/**
 * Asks an HTTP/1.1 server at a constant rate over kept connections, one request at a time on each, by raw sockets: a client
 * that costs little beside what is measured. Arguments: port, requests per second, seconds, connections, path.
 * Prints `{ sent, answered, seconds }`.
 */
import { connect, type Socket } from "node:net";

const [port = 0, ratePerSecond = 0, seconds = 0, connections = 0] = process.argv.slice(2, 6).map(Number);
const request = Buffer.from(`GET ${process.argv[6]} HTTP/1.1\r\nHost: bench.test\r\n\r\n`);
const STATUS_LINE = Buffer.from("HTTP/1.1 200");

const idle: Socket[] = [];
let sent = 0;
let answered = 0;

for (let i = 0; i < connections; i += 1) {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  socket.on("connect", () => idle.push(socket));
  socket.on("data", (chunk) => {
    // Answers are small: one begins and ends in a chunk.
    if (chunk.indexOf(STATUS_LINE) !== 0) return;
    answered += 1;
    idle.push(socket);
  });
}

await new Promise((resolve) => setTimeout(resolve, 500));
const startMs = performance.now();
const total = ratePerSecond * seconds;
while (sent < total) {
  const due = Math.min(total, ((performance.now() - startMs) * ratePerSecond) / 1000);
  while (sent < due) {
    const socket = idle.shift();
    if (!socket) break;
    socket.write(request);
    sent += 1;
  }
  // When the server cannot keep up, stop at twice the time rather than never.
  if (performance.now() - startMs > seconds * 2000) break;
  await new Promise((resolve) => setTimeout(resolve, 1));
}
const tookSeconds = (performance.now() - startMs) / 1000;
await new Promise((resolve) => setTimeout(resolve, 300));
process.stdout.write(JSON.stringify({ sent, answered, seconds: tookSeconds }));
process.exit(0);
