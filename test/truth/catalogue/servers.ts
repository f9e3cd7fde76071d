/** Servers that are configured rather than written: nginx, PHP-FPM behind it, Puma. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, ONE_BY_ONE, type Program, run, SOURCES } from "./program.ts";

/** Calls on under `/h/<id>.1`, so that its request and its call can be told apart. */
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
  abilities: [],
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

const LUA_MODULES = ["ndk_http_module", "ngx_http_lua_module"].map((name) => `/usr/lib/nginx/modules/${name}.so`);

/** Calls by a client in Lua, over cosockets. */
const nginxLua: Program = {
  name: "nginx-lua",
  abilities: ["sleep", "calls", "parallel"],
  missing: () =>
    needs("nginx")() ?? (LUA_MODULES.every(existsSync) ? undefined : "no lua module (Debian: libnginx-mod-http-lua)"),
  start(port, next) {
    const folder = mkdtempSync(join(tmpdir(), "truth-nginx-lua-"));
    const location = `set $id $1; content_by_lua_file ${join(SOURCES, "cosockets.lua")};`;
    const load = LUA_MODULES.map((file) => `load_module ${file};`).join(" ");
    const text = nginxConfig(port, location, "").replace("events {", "env NEXT; events {");
    writeFileSync(join(folder, "nginx.conf"), `${load}\n${text}`);
    return run("nginx", ["-p", folder, "-c", "nginx.conf"], port, next);
  },
};

/** Debian's name has the version in it. */
function phpFpm(): string | undefined {
  return readdirSync("/usr/sbin").find((name) => /^php-fpm\d/.test(name));
}

/** How nginx reaches PHP-FPM: what that listens at, nginx's name of it, and a shell's try whether it does. */
interface PhpAddress {
  readonly listen: string;
  readonly upstream: string;
  readonly probe: string;
}

function phpByPort(_folder: string, port: number): PhpAddress {
  const listen = `127.0.0.1:${port + 1}`;
  return { listen, upstream: listen, probe: `(exec 3<>/dev/tcp/127.0.0.1/${port + 1}) 2>/dev/null` };
}

function phpBySocket(folder: string): PhpAddress {
  const listen = join(folder, "fpm.sock");
  return { listen: `${listen}\nlisten.mode = 0666`, upstream: `unix:${listen}`, probe: `test -S ${listen}` };
}

/** @param keepsConnections else each request has a connection of its own, as nginx is configured by default */
function php(
  name: string,
  addressOf: (folder: string, port: number) => PhpAddress,
  keepsConnections: boolean,
): Program {
  return {
    name,
    abilities: ["sleep", "busy", "calls", "lingers"],
    hasHop: true,
    missing: () => needs("nginx")() ?? (phpFpm() === undefined ? "no php-fpm (Debian: php-fpm)" : undefined),
    start(port, next) {
      const folder = mkdtempSync(join(tmpdir(), "truth-php-"));
      chmodSync(folder, 0o755);
      const address = addressOf(folder, port);
      writeFileSync(
        join(folder, "fpm.conf"),
        `[global]
error_log = ${join(folder, "fpm.log")}
daemonize = no
[www]
listen = ${address.listen}
listen.backlog = 256
user = nobody
group = nogroup
pm = static
pm.max_children = 64
clear_env = no
`,
      );
      const parameters = [
        `SCRIPT_FILENAME ${join(SOURCES, "call.php")}`,
        "REQUEST_METHOD $request_method",
        "REQUEST_URI /h/$1.1$is_args$args",
        "QUERY_STRING $args",
      ];
      const location = `fastcgi_pass php; ${keepsConnections ? "fastcgi_keep_conn on; " : ""}${parameters.map((p) => `fastcgi_param ${p};`).join(" ")}`;
      const upstream = `upstream php { server ${address.upstream}; ${keepsConnections ? "keepalive 64; " : ""}}`;
      writeFileSync(join(folder, "nginx.conf"), nginxConfig(port, location, upstream));
      // One process to stop: the shell, which stops both. nginx would answer for PHP as long as that does not listen.
      const script = `/usr/sbin/${phpFpm()} -F -y ${folder}/fpm.conf & fpm=$!
until ${address.probe}; do sleep 0.05; done; nginx -p ${folder} -c nginx.conf & nginx=$!
trap 'kill $fpm $nginx; wait' TERM; wait`;
      return run("bash", ["-c", script], port, next);
    },
  };
}

function puma(name: string, abilities: Program["abilities"], extra: Record<string, string> = {}): Program {
  const size = ["-q", "-t", "16:64"];
  return {
    name,
    abilities,
    missing: () => (spawnSync("puma", ["--version"]).status === 0 ? undefined : "no puma on the PATH (Debian: puma)"),
    start: (port, next) => run("puma", [...size, "-b", `tcp://127.0.0.1:${port}`, "config.ru"], port, next, extra),
  };
}

const unicorn: Program = {
  name: "unicorn",
  abilities: ["sleep", "busy", "calls", "lingers"],
  lacks: ONE_BY_ONE,
  missing: needs("unicorn"),
  start(port, next) {
    const config = join(mkdtempSync(join(tmpdir(), "truth-unicorn-")), "unicorn.rb");
    writeFileSync(
      config,
      `worker_processes 16\nlisten "127.0.0.1:${port}", backlog: 256\nlogger Logger.new(File::NULL)\n`,
    );
    return run("unicorn", ["-c", config, "-E", "none", "config.ru"], port, next);
  },
};

const starman: Program = {
  name: "starman",
  abilities: ["sleep", "busy", "calls", "lingers"],
  missing: needs("starman"),
  start: (port, next) =>
    run("starman", ["--workers", "16", "--backlog", "256", "--listen", `127.0.0.1:${port}`, "app.psgi"], port, next),
};

const mojolicious: Program = {
  name: "mojolicious",
  abilities: ["sleep", "busy", "calls", "parallel", "lingers"],
  missing: () =>
    spawnSync("perl", ["-MMojolicious", "-e", "1"]).status === 0
      ? undefined
      : "no Mojolicious (Debian: libmojolicious-perl)",
  start: (port, next) => run("perl", ["mojo.pl"], port, next),
};

const beam: Program = {
  name: "erlang",
  abilities: ["sleep", "calls", "lingers"],
  lacks: { stream: "it reads no chunked answers" },
  missing: needs("erl", "erlc"),
  start(port, next) {
    const folder = mkdtempSync(join(tmpdir(), "truth-erlang-"));
    spawnSync("erlc", ["-o", folder, join(SOURCES, "beam.erl")], { stdio: "inherit" });
    return run("erl", ["+S", "2", "-noshell", "-pa", folder, "-eval", "beam:main([])"], port, next);
  },
};

export const SERVERS: readonly Program[] = [
  nginx,
  nginxLua,
  php("php-fpm", phpByPort, true),
  php("php-fpm-socket", phpBySocket, false),
  php("php-fpm-socket-kept", phpBySocket, true),
  puma("puma", ["sleep", "busy", "calls", "lingers"]),
  puma("puma-spawn", ["sleep", "busy", "calls", "parallel", "lingers"], { CALLS_BY: "threads" }),
  unicorn,
  starman,
  mojolicious,
  beam,
];
