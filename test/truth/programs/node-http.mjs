// Node's http with a keep-alive agent; POOL=N makes the pool smaller than the load.
import http from "node:http";
import { agentCall } from "./agent-call.mjs";
import { serve } from "./work.mjs";

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, agentCall).catch(() => response.destroy());
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
