// Frameworks and clients from npm, as SERVER and CLIENT name them; POOL=N makes the pool smaller than the load.
import { createRequire } from "node:module";
import { serve } from "./work.mjs";

const require = createRequire(`${process.env.TRUTH_MODULES}/`);
const load = (name) => import(require.resolve(name));
const next = process.env.NEXT;
const address = { port: Number(process.env.PORT), host: "127.0.0.1" };

const CLIENTS = {
  undici() {
    const { Pool } = require("undici");
    const pool = new Pool(next, { connections: Math.min(Number(process.env.POOL), 128) });
    return async (path, patienceMs) => {
      const { statusCode, body } = await pool.request({ path, method: "GET", headersTimeout: patienceMs });
      await body.text();
      return statusCode;
    };
  },
  fetch: () => async (path, patienceMs) => {
    const response = await fetch(next + path, { signal: AbortSignal.timeout(patienceMs) });
    await response.text();
    return response.status;
  },
};

const SERVERS = {
  async fastify(call) {
    const app = require("fastify")({ keepAliveTimeout: 60_000 });
    app.get("/h/:id", async (request, reply) => {
      await serve(request.raw, { end: (text) => reply.send(text) }, call);
      return reply;
    });
    await app.listen(address);
  },
  async hono(call) {
    const { Hono } = await load("hono");
    const { serve: listen } = await load("@hono/node-server");
    const app = new Hono();
    app.get("/h/:id", async (context) => {
      const { pathname, search } = new URL(context.req.url);
      let answer;
      await serve({ url: pathname + search }, { end: (text) => (answer = context.text(text)) }, call);
      return answer;
    });
    listen({ fetch: app.fetch, port: address.port, hostname: address.host }).keepAliveTimeout = 60_000;
  },
};

await SERVERS[process.env.SERVER](CLIENTS[process.env.CLIENT]());
