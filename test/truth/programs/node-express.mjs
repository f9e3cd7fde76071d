// express with a middleware and a router, calling on by Node's http.
import { createRequire } from "node:module";
import { agentCall } from "./agent-call.mjs";
import { serve } from "./work.mjs";

const express = createRequire(`${process.env.TRUTH_MODULES}/`)("express");
const app = express();
app.use(express.json());
app.get("/h/:id", (request, response, next) => {
  serve(request, response, agentCall).catch(next);
});
app.listen(Number(process.env.PORT), "127.0.0.1").keepAliveTimeout = 60_000;
