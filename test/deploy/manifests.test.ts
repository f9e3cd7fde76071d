/** The files of deploy/ say what they are meant to say, and name nothing that is not there. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";
import { Scratch } from "../support/scratch.ts";

interface Container {
  readonly name: string;
  readonly image: string;
}

interface Manifest {
  readonly kind?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly containers?: Container[];
    readonly template?: { readonly spec: { containers: Container[] } };
  };
  readonly services?: Readonly<Record<string, { readonly volumes?: readonly string[] }>>;
}

const { version }: { version: string } = JSON.parse(readFileSync("package.json", "utf8"));

function documents(path: string): Manifest[] {
  return parseAllDocuments(readFileSync(path, "utf8"), { uniqueKeys: true }).map((document) => {
    assert.deepEqual(document.errors, [], path);
    return document.toJS();
  });
}

describe("deploy", () => {
  it("holds YAML that parses, each key once", async () => {
    const paths = (await readdir("deploy", { recursive: true })).filter((path) => path.endsWith(".yaml"));
    assert.ok(paths.length >= 6);
    for (const path of paths) assert.ok(documents(`deploy/${path}`).length > 0, path);
  });

  it("runs the image of this version in Kubernetes", () => {
    for (const path of ["deploy/kubernetes/daemonset.yaml", "deploy/kubernetes/sidecar.yaml"]) {
      const containers = documents(path).flatMap(
        ({ spec }) => spec?.containers ?? spec?.template?.spec.containers ?? [],
      );
      assert.deepEqual(
        containers.filter(({ name }) => name === "sockspan").map(({ image }) => image),
        [`sockspan:${version}`],
        path,
      );
    }
  });

  it("gives the DaemonSet a configuration that sockspan takes", async () => {
    const config = documents("deploy/kubernetes/daemonset.yaml").find(({ kind }) => kind === "ConfigMap");
    const scratch = await Scratch.create();
    try {
      await writeFile(scratch.path("config.yaml"), config?.data?.["config.yaml"] ?? "");
      const validated = spawnSync("bin/sockspan", ["validate", "--config", scratch.path("config.yaml")], {
        env: { ...process.env, OTLP_ENDPOINT: "collector.test:4317" },
        encoding: "utf8",
      });
      assert.equal(validated.status, 0, validated.stderr);
    } finally {
      await scratch.cleanUp();
    }
  });

  it("mounts only files that are there", () => {
    const [compose] = documents("deploy/compose/compose.yaml");
    const mounted = Object.values(compose?.services ?? {}).flatMap(({ volumes }) => volumes ?? []);
    assert.ok(mounted.length > 0);
    for (const volume of mounted) assert.ok(existsSync(`deploy/compose/${volume.split(":")[0]}`), volume);
  });

  it("copies into the image only what the repository has", () => {
    const dockerfile = readFileSync("deploy/Dockerfile", "utf8");
    const copied = [...dockerfile.matchAll(/^COPY (?:--from=build )?(.+) \S+$/gm)].flatMap((match) =>
      (match[1] ?? "").split(" ").map((path) => path.replace(/^\/src\//, "")),
    );
    assert.ok(copied.length > 5);
    for (const path of copied) assert.ok(existsSync(path), path);
  });
});
