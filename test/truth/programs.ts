/** The programs under test: how each is built and started, and what it needs. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Program {
  readonly name: string;
  /** undefined: it can run here; else what is missing. */
  missing(): string | undefined;
  start(port: number, next: string, pool: number): ChildProcess;
}

const SOURCES = join(import.meta.dirname, "../../../test/truth/programs");
const BUILD = join(import.meta.dirname, "../../../.cache/truth");
const JAVA_25 = "/usr/lib/jvm/temurin-25-jdk-amd64/bin/java";

function has(command: string): boolean {
  return spawnSync("which", [command]).status === 0;
}

function needs(...commands: string[]): () => string | undefined {
  return () => {
    const absent = commands.filter((command) => !has(command));
    return absent.length === 0 ? undefined : `no ${absent.join(", ")} on the PATH`;
  };
}

function python(): string {
  return process.env["SOCKSPAN_TRUTH_PYTHON"] ?? "python3";
}

function needsPython(...modules: string[]): () => string | undefined {
  return () => {
    const check = spawnSync(python(), ["-c", modules.map((name) => `import ${name}`).join(";")]);
    return check.status === 0 ? undefined : `${python()} lacks one of ${modules.join(", ")} (npm run truth:setup)`;
  };
}

function run(
  command: string,
  args: readonly string[],
  port: number,
  next: string,
  extra: Record<string, string> = {},
): ChildProcess {
  return spawn(command, args, {
    cwd: SOURCES,
    env: { ...process.env, PORT: String(port), NEXT: next, PYTHONDONTWRITEBYTECODE: "1", ...extra },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

function node(file: string): Program {
  return {
    name: file.replace(".mjs", ""),
    missing: () => undefined,
    start: (port, next, pool) => run(process.execPath, [file], port, next, { POOL: String(pool) }),
  };
}

function go(mode: string): Program {
  const binary = join(BUILD, "truth-go");
  return {
    name: `go-${mode}`,
    missing: needs("go"),
    start(port, next, pool) {
      execFileSync("go", ["build", "-o", binary, "."], {
        cwd: join(SOURCES, "go"),
        env: { ...process.env, GOFLAGS: "-mod=mod" },
      });
      return run(binary, [], port, next, { MODE: mode, POOL: pool >= 256 ? "0" : String(pool) });
    },
  };
}

function java(name: string, client: string, threads: string): Program {
  const isVirtual = threads === "virtual";
  const binary = isVirtual ? JAVA_25 : "java";
  return {
    name,
    missing: needs(binary, "javac"),
    start(port, next) {
      execFileSync("javac", ["-d", join(BUILD, "java"), "java/Truth.java"], { cwd: SOURCES });
      return run(binary, ["-cp", join(BUILD, "java"), "Truth"], port, next, { CLIENT: client, THREADS: threads });
    },
  };
}

function gunicorn(kind: string): Program {
  const modules = kind === "gevent" ? ["gunicorn", "gevent"] : ["gunicorn"];
  const size =
    kind === "sync" ? ["-w", "16"] : kind === "gthread" ? ["--threads", "64"] : ["--worker-connections", "256"];
  return {
    name: `gunicorn-${kind}`,
    missing: needsPython(...modules),
    start: (port, next) =>
      run(
        python(),
        ["-m", "gunicorn", "-k", kind, ...size, "-b", `127.0.0.1:${port}`, "--log-level", "error", "wsgi:app"],
        port,
        next,
      ),
  };
}

function pythonFile(name: string, file: string, modules: string[], extra: Record<string, string> = {}): Program {
  return {
    name,
    missing: needsPython(...modules),
    start: (port, next, pool) => run(python(), [file], port, next, { POOL: String(pool), ...extra }),
  };
}

/** nginx calls on under `/h/<id>.1`, so that its request and its call can be told apart. */
function nginxConfig(port: number, location: string, extra: string): string {
  return `
daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;
  keepalive_requests 1000000;
  ${extra}
  server { listen 127.0.0.1:${port} backlog=256; location ~ ^/h/(.*)$ { ${location} } }
}`;
}

const nginx: Program = {
  name: "nginx",
  missing: needs("nginx"),
  start(port, next, pool) {
    const folder = mkdtempSync(join(tmpdir(), "truth-nginx-"));
    const upstream = `upstream next { server ${new URL(next).host}; keepalive ${Math.min(pool, 64)}; }`;
    const location =
      'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://next/h/$1.1$is_args$args;';
    writeFileSync(join(folder, "nginx.conf"), nginxConfig(port, location, upstream));
    return run("nginx", ["-p", folder, "-c", "nginx.conf"], port, next);
  },
};

const epoll: Program = {
  name: "c-epoll",
  missing: needs("cc"),
  start(port, next) {
    const binary = join(BUILD, "epoll");
    execFileSync("cc", ["-O2", "-o", binary, "epoll.c"], { cwd: SOURCES });
    return run(binary, [], port, next);
  },
};

const rust: Program = {
  name: "tokio-axum-reqwest",
  missing: needs("cargo"),
  start(port, next) {
    const target = join(BUILD, "rust");
    execFileSync("cargo", ["build", "--release", "--quiet", "--target-dir", target], { cwd: join(SOURCES, "rust") });
    return run(join(target, "release/truth"), [], port, next);
  },
};

const puma: Program = {
  name: "puma",
  missing: needs("puma"),
  start: (port, next) => run("puma", ["-q", "-t", "16:64", "-b", `tcp://127.0.0.1:${port}`, "config.ru"], port, next),
};

export function programs(): readonly Program[] {
  mkdirSync(BUILD, { recursive: true });
  return [
    nginx,
    epoll,
    node("node-callback.mjs"),
    node("node-http.mjs"),
    node("node-fetch.mjs"),
    pythonFile("python-threads", "python_threads.py", []),
    pythonFile("aiohttp", "aiohttp_app.py", ["aiohttp"]),
    pythonFile("fastapi-async", "fastapi_app.py", ["fastapi", "uvicorn", "httpx"]),
    pythonFile("fastapi-sync", "fastapi_app.py", ["fastapi", "uvicorn", "httpx"], { ENDPOINT: "sync" }),
    gunicorn("sync"),
    gunicorn("gthread"),
    gunicorn("gevent"),
    pythonFile("waitress", "wsgi.py", ["waitress"]),
    go("goroutine"),
    go("pool-context"),
    go("pool"),
    java("java-pool-url", "url", "pool"),
    java("java-httpclient-sync", "sync", "pool"),
    java("java-httpclient-async", "async", "pool"),
    java("java-virtual", "url", "virtual"),
    rust,
    puma,
  ];
}

export function startLeaf(port: number): ChildProcess {
  return run(process.execPath, ["leaf.mjs"], port, "");
}
