/** Databases, brokers and name servers as Debian packages them, each on a free port with its data in the scratch folder. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, readdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { Program } from "./program.ts";
import type { Scratch } from "./scratch.ts";
import type { Server } from "./servers.ts";

/** Runs a client to its end; its output is the result. */
export async function runClient(scratch: Scratch, command: readonly string[], env = {}): Promise<string> {
  const program = scratch.keep(await Program.start(command, { env }));
  const code = await program.end();
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${program.output}`);
  return program.output;
}

export interface LocalServer extends Server {
  /** Its socket in the file system. */
  readonly socket: string;
}

export async function startRedis(scratch: Scratch): Promise<LocalServer> {
  const port = await freePort();
  const socket = scratch.path("redis.sock");
  const at = ["--port", `${port}`, "--bind", "127.0.0.1", "--unixsocket", socket];
  const command = ["redis-server", ...at, "--save", "", "--dir", scratch.folder];
  return { port, socket, program: scratch.keep(await Program.start(command, { readyPort: port })) };
}

export async function startMemcached(scratch: Scratch): Promise<Server> {
  const port = await freePort();
  const command = ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", `${port}`, "-U", "0", "-t", "2"];
  return { port, program: scratch.keep(await Program.start(command, { readyPort: port })) };
}

/** User root without a password, over TCP. */
export async function startMariadb(scratch: Scratch): Promise<LocalServer> {
  const port = await freePort();
  const data = await folderOf(scratch, "mariadb", "mysql");
  const common = ["--no-defaults", `--datadir=${data}`, "--user=mysql"];
  const install = ["mariadb-install-db", ...common, "--auth-root-authentication-method=normal", "--skip-test-db"];
  execFileSync(install[0]!, install.slice(1), { stdio: "pipe" });
  const socket = `${data}/mysqld.sock`;
  const command = [
    ...["mariadbd", ...common, `--port=${port}`, "--bind-address=127.0.0.1", `--socket=${socket}`],
    ...["--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0"],
  ];
  return { port, socket, program: scratch.keep(await Program.start(command, { readyPort: port })) };
}

/** User postgres, trusted, with pg_stat_statements. */
export async function startPostgres(scratch: Scratch): Promise<LocalServer> {
  const port = await freePort();
  const data = await folderOf(scratch, "postgres", "postgres");
  const bin = postgresFolder();
  const as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"];
  const initdb = [...as, `${bin}/initdb`, "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"];
  execFileSync(initdb[0]!, initdb.slice(1), { stdio: "pipe", cwd: data });
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: data,
    fsync: "off",
    shared_preload_libraries: "pg_stat_statements",
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const program = await Program.start([`${bin}/postgres`, "-D", data, "-p", `${port}`, ...options], {
    within: as,
    cwd: data,
    readyOutput: /ready to accept connections/,
    stopSignal: "SIGINT",
  });
  return { port, socket: `${data}/.s.PGSQL.${port}`, program: scratch.keep(program) };
}

export async function startMosquitto(scratch: Scratch): Promise<Server> {
  const port = await freePort();
  const config = scratch.path("mosquitto.conf");
  await writeFile(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser nobody\n`);
  const program = await Program.start(["mosquitto", "-c", config], { readyPort: port });
  return { port, program: scratch.keep(program) };
}

export async function startNats(scratch: Scratch): Promise<Server> {
  const port = await freePort();
  const program = await Program.start(["nats-server", "-a", "127.0.0.1", "-p", `${port}`], { readyPort: port });
  return { port, program: scratch.keep(program) };
}

/** Knows `host.test` (an A record) and `text.test` (a TXT record), and nothing else. */
export async function startDnsmasq(scratch: Scratch): Promise<Server> {
  const port = await freePort();
  const program = await Program.start(
    [
      ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"],
      ...[`--port=${port}`, "--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file="],
      ...["--address=/host.test/192.0.2.7", "--txt-record=text.test,words", "--local=/test/"],
    ],
    { readyPort: port },
  );
  return { port, program: scratch.keep(program) };
}

/** A broker of one node whose name, port mapper and files are its own. */
export async function startRabbit(scratch: Scratch): Promise<Server & { readonly env: Record<string, string> }> {
  const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const home = await folderOf(scratch, "rabbit", "rabbitmq");
  const config = scratch.path("rabbitmq.conf");
  await writeFile(config, `listeners.tcp.1 = 127.0.0.1:${port}\nlog.console = true\n`);
  const env = {
    HOME: home,
    RABBITMQ_NODENAME: `sockspan${port}@localhost`,
    RABBITMQ_MNESIA_BASE: home,
    RABBITMQ_LOG_BASE: home,
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${home}/plugins`,
    RABBITMQ_DIST_PORT: `${distPort}`,
    RABBITMQ_PID_FILE: `${home}/pid`,
    ERL_EPMD_PORT: `${epmdPort}`,
    ERL_EPMD_ADDRESS: "127.0.0.1",
  };
  const as = ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--init-groups", "--"];
  const epmd = await Program.start(["epmd", "-port", `${epmdPort}`, "-address", "127.0.0.1"], { readyPort: epmdPort });
  scratch.keep(epmd);
  const server = findRabbit();
  const program = await Program.start([server], { env, within: as, cwd: home, readyOutput: /Server startup complete/ });
  return { port, program: scratch.keep(program), env };
}

/** FastCGI on TCP; scripts lie in `root`. */
export async function startPhpFpm(scratch: Scratch, root: string, workers = 4): Promise<Server> {
  const port = await freePort();
  const config = await writePhpConfig(scratch, root, workers, `127.0.0.1:${port}`);
  const program = await Program.start([findPhpFpm(), "-R", "-n", "-y", config], { readyPort: port });
  return { port, program: scratch.keep(program) };
}

/** @returns the socket that it listens on */
export async function startPhpFpmAtSocket(scratch: Scratch, root: string, workers: number): Promise<string> {
  const path = scratch.path("php-fpm.sock");
  const config = await writePhpConfig(scratch, root, workers, path);
  const isReady = /ready to handle connections/;
  scratch.keep(await Program.start([findPhpFpm(), "-R", "-n", "-y", config, "-O"], { readyOutput: isReady }));
  return path;
}

async function writePhpConfig(scratch: Scratch, root: string, workers: number, listen: string): Promise<string> {
  const config = scratch.path("php-fpm.conf");
  await writeFile(
    config,
    `[global]\nerror_log = ${scratch.path("php-fpm.log")}\ndaemonize = no\n[www]\nuser = root\ngroup = root\nlisten = ${listen}
pm = static\npm.max_children = ${workers}\ncatch_workers_output = yes\nchdir = ${root}\nclear_env = no\n`,
  );
  return config;
}

async function folderOf(scratch: Scratch, name: string, user: string): Promise<string> {
  const folder = scratch.path(`${name}-${process.hrtime.bigint()}`);
  await mkdir(folder, { recursive: true });
  const id = (flag: string): number => Number(execFileSync("id", [flag, user], { encoding: "utf8" }));
  chownSync(folder, id("-u"), id("-g"));
  chmodSync(folder, 0o700);
  // The scratch folder itself is its maker's alone.
  chmodSync(scratch.folder, 0o755);
  await sleep(0);
  return folder;
}

function postgresFolder(): string {
  const root = "/usr/lib/postgresql";
  const version = readdirSync(root).sort((a, b) => Number(b) - Number(a))[0];
  return `${root}/${version}/bin`;
}

function findPhpFpm(): string {
  const name = readdirSync("/usr/sbin").find((entry) => /^php-fpm\d/.test(entry));
  if (name === undefined) throw new Error("no php-fpm in /usr/sbin");
  return `/usr/sbin/${name}`;
}

function findRabbit(): string {
  const name = "/usr/lib/rabbitmq/bin/rabbitmq-server";
  return existsSync(name) ? name : "rabbitmq-server";
}
