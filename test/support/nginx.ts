import { mkdir, writeFile } from "node:fs/promises";
import { freePort } from "./free-port.ts";
import { Program, type ProgramOptions } from "./program.ts";
import type { Scratch } from "./scratch.ts";

export interface NginxOptions {
  /** Port of the server that `/proxy/` goes to, with keep-alive. */
  readonly upstreamPort?: number;
  /** Port of the php-fpm that `/php/SCRIPT` goes to; scripts lie in the scratch folder. */
  readonly phpPort?: number;
  /** The same by a socket of the file system. */
  readonly phpSocket?: string;
  readonly workers?: number;
  readonly port?: number;
  readonly program?: ProgramOptions;
}

export interface Nginx {
  readonly port: number;
  readonly program: Program;
  /** One line per request that it answered: `method uri status`. */
  readonly accessLog: string;
}

/** `/static/ANY` is sent by sendfile, `/big/ANY` too (1 MiB), `/return/ANY` is made in memory, `/proxy/ANY` is proxied. */
export async function startNginx(scratch: Scratch, options: NginxOptions = {}): Promise<Nginx> {
  const port = options.port ?? (await freePort());
  const root = scratch.path(`nginx-${port}`);
  const accessLog = `${root}/access.log`;
  await mkdir(root, { recursive: true });
  await writeFile(`${root}/page.html`, `<p>${"static ".repeat(40)}</p>\n`);
  await writeFile(`${root}/big.bin`, Buffer.alloc(1 << 20, "0123456789abcdef"));
  const upstream = `upstream back { server 127.0.0.1:${options.upstreamPort ?? 9}; keepalive 16; keepalive_requests 100000; }`;
  await writeFile(
    `${root}/nginx.conf`,
    `daemon off;
user root;
worker_processes ${options.workers ?? 1};
pid ${root}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  log_format short "$request_method $request_uri $status";
  access_log ${accessLog} short buffer=64k flush=1s;
  client_body_temp_path ${root}/body;
  proxy_temp_path ${root}/proxy;
  fastcgi_temp_path ${root}/fastcgi;
  uwsgi_temp_path ${root}/uwsgi;
  scgi_temp_path ${root}/scgi;
  sendfile on;
  keepalive_requests 1000000;
  client_max_body_size 16m;
  ${upstream}
  server {
    listen ${port} reuseport;
    root ${root};
    location /static/ { try_files /page.html =404; }
    location /big/ { try_files /big.bin =404; }
${phpLocation(scratch.folder, options)}
    location /return/ { return 200 "made in memory\\n"; }
    location /proxy/ {
      proxy_pass http://back;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host 127.0.0.1:${options.upstreamPort ?? 9};
    }
  }
}
`,
  );
  const program = scratch.keep(
    await Program.start(["nginx", "-p", root, "-e", "stderr", "-c", `${root}/nginx.conf`], {
      readyPort: port,
      stopSignal: "SIGQUIT",
      ...options.program,
    }),
  );
  return { port, program, accessLog };
}

function phpLocation(root: string, { phpPort, phpSocket }: NginxOptions): string {
  if (phpPort === undefined && phpSocket === undefined) return "";
  const address = phpSocket === undefined ? `127.0.0.1:${phpPort}` : `unix:${phpSocket}`;
  return `    location /php/ {
      include /etc/nginx/fastcgi_params;
      rewrite ^/php/(.*)$ /$1 break;
      fastcgi_param SCRIPT_FILENAME ${root}$fastcgi_script_name;
      fastcgi_pass ${address};
    }`;
}
