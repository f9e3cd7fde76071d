/** Proxies that are configured rather than written: each sends `/h/<id>` on as `/h/<id>.1`. */
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, type Program, run } from "./program.ts";

/** A folder of the proxy's own with its configuration in it. */
function configured(name: string, text: string): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), `truth-${name}-`));
  // Who reads it is not root any more.
  chmodSync(folder, 0o755);
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, text);
  return { folder, file };
}

/** @param threads each of them runs an event loop, and they share the connections upstream */
function haproxy(name: string, threads: number): Program {
  return {
    name,
    abilities: [],
    missing: needs("haproxy"),
    start(port, next) {
      const { file } = configured(
        "haproxy",
        `global
  nbthread ${threads}
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind 127.0.0.1:${port} backlog 256
  http-request replace-path ^(/h/.*)$ \\1.1
  default_backend next
backend next
  http-reuse always
  server next ${new URL(next).host} pool-max-conn 256
`,
      );
      return run("haproxy", ["-q", "-db", "-f", file], port, next);
    },
  };
}

const APACHE_MODULES = "/usr/lib/apache2/modules";

/** @param mpm of Apache: who serves a connection */
function apache(mpm: "event" | "worker" | "prefork"): Program {
  return {
    name: `apache-${mpm}`,
    abilities: [],
    missing: needs("apache2"),
    start(port, next) {
      const modules = [`mpm_${mpm}`, "authz_core", "rewrite", "proxy", "proxy_http"];
      const size =
        mpm === "prefork" ? "StartServers 80\nMinSpareServers 80\nMaxSpareServers 160" : "ThreadsPerChild 64";
      const { folder, file } = configured(
        "apache",
        `${modules.map((name) => `LoadModule ${name}_module ${APACHE_MODULES}/mod_${name}.so`).join("\n")}
Listen 127.0.0.1:${port}
ListenBacklog 256
ServerName localhost
${size}
MaxRequestWorkers ${mpm === "prefork" ? 160 : 192}
MaxKeepAliveRequests 0
KeepAliveTimeout 60
User nobody
Group nogroup
<Proxy "${next}/">
  ProxySet keepalive=On enablereuse=on
</Proxy>
RewriteEngine On
RewriteRule ^/h/(.*)$ ${next}/h/$1.1 [P]
`,
      );
      const defines = [
        `ServerRoot ${folder}`,
        `PidFile ${folder}/pid`,
        `DefaultRuntimeDir ${folder}`,
        "ErrorLog /dev/stderr",
      ];
      const args = ["-D", "FOREGROUND", ...defines.flatMap((line) => ["-C", line]), "-f", file];
      return run("apache2", args, port, next);
    },
  };
}

const varnish: Program = {
  name: "varnish",
  abilities: [],
  missing: needs("varnishd"),
  start(port, next) {
    const { hostname, port: nextPort } = new URL(next);
    const { folder, file } = configured(
      "varnish",
      `vcl 4.1;
backend next { .host = "${hostname}"; .port = "${nextPort}"; }
sub vcl_recv { set req.url = regsub(req.url, "^(/h/[^?]*)", "\\1.1"); return (pass); }
`,
    );
    return run("varnishd", ["-F", "-n", folder, "-a", `127.0.0.1:${port}`, "-f", file, "-s", "malloc,32m"], port, next);
  },
};

const lighttpd: Program = {
  name: "lighttpd",
  abilities: [],
  missing: needs("lighttpd"),
  start(port, next) {
    const { hostname, port: nextPort } = new URL(next);
    const { file } = configured(
      "lighttpd",
      `server.port = ${port}
server.bind = "127.0.0.1"
server.document-root = "/var/empty"
server.modules = ("mod_rewrite", "mod_proxy")
server.max-keep-alive-requests = 1000000
url.rewrite-once = ("^(/h/[^?]*)(.*)$" => "$1.1$2")
proxy.server = ("" => (("host" => "${hostname}", "port" => ${nextPort})))
`,
    );
    return run("lighttpd", ["-D", "-f", file], port, next);
  },
};

const caddy: Program = {
  name: "caddy",
  abilities: [],
  missing: needs("caddy"),
  start(port, next) {
    const { folder, file } = configured(
      "caddy",
      `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  uri path_regexp ^(/h/.*)$ $1.1
  reverse_proxy ${new URL(next).host} {
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`,
    );
    const own = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    return run("caddy", ["run", "--adapter", "caddyfile", "--config", file], port, next, own);
  },
};

export const PROXIES: readonly Program[] = [
  haproxy("haproxy", 1),
  haproxy("haproxy-threads", 4),
  apache("event"),
  apache("worker"),
  apache("prefork"),
  varnish,
  lighttpd,
  caddy,
];
