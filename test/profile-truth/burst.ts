import { Agent, get } from "node:http";

let lastId = 0;

/** So many requests at once, each with its own id: those with odd ids burn three times as long. */
export async function burst(port: number, durationMs: number, inFlight: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const end = Date.now() + durationMs;
  const work = async () => {
    while (Date.now() < end) await request(port, agent);
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  agent.destroy();
}

function request(port: number, agent: Agent): Promise<void> {
  lastId++;
  const path = `/${lastId % 2 === 1 ? "heavy" : "light"}?id=${lastId}`;
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path, agent }, (response) => {
      response.resume();
      response.on("end", resolve);
    }).on("error", () => resolve());
  });
}
