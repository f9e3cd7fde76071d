// Statements to PostgreSQL over a pool of connections; POOL=N makes it smaller than the load.
import http from "node:http";
import { createRequire } from "node:module";
import { serve } from "./work.mjs";

const { Pool } = createRequire(`${process.env.TRUTH_MODULES}/`)("pg");
const pool = new Pool({ connectionString: process.env.NEXT, max: Math.min(80, Number(process.env.POOL)) });

async function select(path) {
  await pool.query(`SELECT 1 AS "${path.slice(0, path.indexOf("?"))}"`);
  return 200;
}

http
  .createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, select).catch(() => response.destroy());
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
