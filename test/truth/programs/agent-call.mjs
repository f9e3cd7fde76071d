// A call by Node's http over an agent that keeps its connections.
import http from "node:http";

const next = new URL(process.env.NEXT);
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(process.env.POOL ?? 256) });

export function agentCall(path, patienceMs) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: next.hostname, port: next.port, path, agent }, (response) => {
      response.resume().on("end", () => {
        clearTimeout(timer);
        resolve(response.statusCode);
      });
    });
    const timer = setTimeout(() => request.destroy(new Error("nobody answers")), patienceMs);
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
