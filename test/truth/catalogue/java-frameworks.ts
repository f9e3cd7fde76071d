/** Java frameworks, each with libraries of its own: their versions differ from those of other programs. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BUILD, type LeafKind, needs, type Program, run, SOURCES } from "./program.ts";

interface Framework {
  /** Of its sources and its pom.xml, and, in what is built, of its libraries. */
  readonly folder: string;
  readonly main: string;
  /** In `folder`. */
  readonly sources: readonly string[];
}

const SPRING: Framework = {
  folder: "java-spring",
  main: "Spring",
  sources: ["Spring.java", "../java-libraries/Shape.java"],
};
const WEBFLUX: Framework = { folder: "java-webflux", main: "Flows", sources: ["Flows.java"] };
const VERTX: Framework = { folder: "java-vertx", main: "Loop", sources: ["Loop.java"] };

function program(name: string, { folder, main, sources }: Framework, client: string, leaf: LeafKind = "http"): Program {
  const jars = join(BUILD, folder, "lib");
  return {
    name,
    leaf,
    abilities: ["sleep", "busy", "calls", "parallel", "after", "lingers"],
    missing: () => needs("java", "javac")() ?? (existsSync(jars) ? undefined : "its libraries could not be had"),
    start(port, next) {
      const classes = join(BUILD, folder, "classes");
      execFileSync("javac", ["-nowarn", "-d", classes, "-cp", `${jars}/*`, ...sources], { cwd: join(SOURCES, folder) });
      return run("java", ["-cp", `${classes}:${jars}/*`, main], port, next, { CLIENT: client });
    },
  };
}

export const JAVA_FRAMEWORKS: readonly Program[] = [
  program("spring-mvc-template", SPRING, "template"),
  program("spring-mvc-jdbc", SPRING, "jdbc", "postgres"),
  program("spring-webflux", WEBFLUX, "web"),
  program("spring-webflux-redis", WEBFLUX, "redis", "redis"),
  program("vertx-web", VERTX, "web"),
  program("vertx-pg", VERTX, "pg", "postgres"),
];
