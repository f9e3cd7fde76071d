// Two processes behind one port: the first one takes the connections and hands them on.
import cluster from "node:cluster";

if (cluster.isPrimary) {
  for (let index = 0; index < 2; index++) cluster.fork();
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill();
    process.exit();
  });
} else {
  await import("./node-http.mjs");
}
