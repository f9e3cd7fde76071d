import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { type Ability, needs, ONE_BY_ONE, type Program, run } from "./program.ts";

const SYNCHRONOUS: readonly Ability[] = ["sleep", "busy", "calls", "parallel", "lingers", "retries", "gives_up"];
const ASYNCHRONOUS: readonly Ability[] = [...SYNCHRONOUS, "after", "pool"];
const DATABASE: readonly Ability[] = ["sleep", "busy", "calls", "parallel", "after", "lingers"];

function python(): string {
  return process.env["SOCKSPAN_TRUTH_PYTHON"] ?? "python3";
}

function needsPython(modules: readonly string[]): () => string | undefined {
  return () => {
    const check = spawnSync(python(), ["-c", modules.map((name) => `import ${name}`).join(";")]);
    return check.status === 0 ? undefined : `${python()} can't import one of ${modules.join(", ")}`;
  };
}

function script(
  name: string,
  file: string,
  abilities: readonly Ability[],
  modules: readonly string[],
  extra: Record<string, string> = {},
): Program {
  return {
    name,
    abilities,
    missing: needsPython(modules),
    start: (port, next, pool) => run(python(), [file], port, next, { POOL: String(pool), ...extra }),
  };
}

function gunicorn(
  kind: string,
  size: readonly string[],
  modules: readonly string[],
  { as = kind, callsBy = "", ...facts }: Partial<Program> & { as?: string; callsBy?: string } = {},
): Program {
  return {
    name: `gunicorn-${as}`,
    abilities: SYNCHRONOUS,
    ...facts,
    missing: needsPython(modules),
    start: (port, next) => {
      const address = ["-b", `127.0.0.1:${port}`, "--log-level", "error"];
      const env: Record<string, string> = callsBy === "" ? {} : { CALLS_BY: callsBy };
      return run(python(), ["-m", "gunicorn", "-k", kind, ...size, ...address, "wsgi:app"], port, next, env);
    },
  };
}

/** Debian's uWSGI: the server is C, the interpreter its plugin. */
function uwsgi(kind: string, size: readonly string[]): Program {
  return {
    name: `uwsgi-${kind}`,
    abilities: SYNCHRONOUS,
    lacks: ONE_BY_ONE,
    missing: () => needs("uwsgi")() ?? (existsSync(UWSGI_PLUGIN) ? undefined : "no uwsgi-plugin-python3"),
    start: (port, next) => {
      const address = [
        "--http11-socket",
        `127.0.0.1:${port}`,
        "--listen",
        "100",
        "--disable-logging",
        "--die-on-term",
        "--logto",
        "/dev/null",
      ];
      const application = ["--plugin", "python3", "--module", "wsgi:app", "--enable-threads", "--master"];
      return run("uwsgi", [...application, ...address, ...size], port, next);
    },
  };
}

const UWSGI_PLUGIN = "/usr/lib/uwsgi/plugins/python3_plugin.so";

export const PYTHON: readonly Program[] = [
  script("python-threads", "python_threads.py", [...SYNCHRONOUS, "after"], []),
  script("python-threads-spawn", "python_threads.py", SYNCHRONOUS, [], { CALLS_BY: "threads" }),
  { ...script("python-threads-redis", "python_threads.py", DATABASE, ["redis"]), leaf: "redis" },
  { ...script("python-threads-psycopg", "python_threads.py", DATABASE, ["psycopg_pool"]), leaf: "postgres" },
  script("asyncio-streams", "asyncio_streams.py", ASYNCHRONOUS, []),
  script("aiohttp", "aiohttp_app.py", ASYNCHRONOUS, ["aiohttp"]),
  script("aiohttp-uvloop", "aiohttp_app.py", ASYNCHRONOUS, ["aiohttp", "uvloop"], { LOOP: "uvloop" }),
  { ...script("aiohttp-redis", "aiohttp_data.py", [...DATABASE, "pool"], ["aiohttp", "redis"]), leaf: "redis" },
  {
    ...script("aiohttp-asyncpg", "aiohttp_data.py", [...DATABASE, "pool"], ["aiohttp", "asyncpg"]),
    leaf: "postgres",
    exchanges: 2,
  },
  script("fastapi-async", "fastapi_app.py", ASYNCHRONOUS, ["fastapi", "uvicorn", "httpx"]),
  script("fastapi-sync", "fastapi_app.py", SYNCHRONOUS, ["fastapi", "uvicorn", "httpx"], { ENDPOINT: "sync" }),
  script("django-uvicorn", "django_app.py", ASYNCHRONOUS, ["django", "uvicorn", "httpx"]),
  script("django-uvicorn-sync", "django_app.py", SYNCHRONOUS, ["django", "uvicorn", "httpx"], { VIEW: "sync" }),
  {
    name: "daphne",
    abilities: ASYNCHRONOUS,
    missing: needsPython(["daphne", "fastapi", "httpx"]),
    start: (port, next, pool) => {
      const args = [
        "-m",
        "daphne",
        "--bind",
        "127.0.0.1",
        "--port",
        String(port),
        "--verbosity",
        "0",
        "fastapi_app:app",
      ];
      return run(python(), args, port, next, { POOL: String(pool) });
    },
  },
  gunicorn("sync", ["-w", "16"], ["gunicorn"], { lacks: ONE_BY_ONE }),
  gunicorn("gthread", ["--threads", "64"], ["gunicorn"]),
  gunicorn("gevent", ["--worker-connections", "256"], ["gunicorn", "gevent"]),
  gunicorn("gevent", ["--worker-connections", "256"], ["gunicorn", "gevent"], {
    as: "gevent-spawn",
    callsBy: "greenlets",
    abilities: [...SYNCHRONOUS, "after"],
  }),
  uwsgi("processes", ["--processes", "16"]),
  uwsgi("threads", ["--processes", "1", "--threads", "64"]),
  script("trio", "trio_streams.py", ASYNCHRONOUS, ["trio"]),
  script("eventlet", "eventlet_app.py", [...SYNCHRONOUS, "after"], ["eventlet"]),
  script("tornado", "tornado_app.py", ASYNCHRONOUS, ["tornado"]),
  script("twisted", "twisted_app.py", ["sleep", "busy", "calls", "parallel", "lingers"], ["twisted"]),
  script("waitress", "wsgi.py", SYNCHRONOUS, ["waitress"]),
];
