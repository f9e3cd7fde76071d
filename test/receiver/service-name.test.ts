import assert from "node:assert/strict";
import { containerId } from "../../src/ipc/container-id.ts";
import { programName, systemdUnit } from "../../src/receiver/service-name.ts";

describe("programName", () => {
  const cases: readonly [string, string, string | undefined][] = [
    ["node", "node app.js", "app"],
    ["node", "node --inspect -r dotenv/config /srv/shop/server.mjs --port 80", "server"],
    ["node", "node -e 1+1", undefined],
    ["deno", "deno run main.ts", "main"],
    ["python3.11", "python3 -m http.server 8000", "http.server"],
    ["python3.11", "python3 -um uvicorn app:app", "uvicorn"],
    ["python3", "python3 -W ignore /opt/x/worker.py", "worker"],
    ["python3", "python3 -c print()", undefined],
    ["python3", "/usr/bin/python3 /usr/local/bin/gunicorn app:app", "gunicorn"],
    ["java", "java -Xmx1g -jar /opt/orders-1.2.jar --x", "orders-1.2"],
    ["java", "java -cp a:b com.example.Main arg", "Main"],
    ["ruby", "ruby -I lib bin/serve.rb", "serve"],
    ["bash", "bash -c curl", undefined],
    ["dotnet", "dotnet /app/Shop.dll", "Shop"],
    ["nginx", "nginx: worker process", undefined],
    ["node", "node", undefined],
  ];
  for (const [executable, commandLine, name] of cases) {
    it(`calls "${commandLine}" ${name ?? "nothing better"}`, () => {
      assert.equal(programName(executable, commandLine.split(" ")), name);
    });
  }
});

describe("cgroup names", () => {
  const id = "0123456789abcdef".repeat(4);

  it("finds the container id in the forms of Docker, CRI and podman", () => {
    for (const path of [
      `/docker/${id}`,
      `/system.slice/docker-${id}.scope`,
      `/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`,
      `/machine.slice/libpod-${id}.scope/container`,
      `/kubepods/burstable/pod1/${id}`,
    ]) {
      assert.equal(containerId(path), id, path);
    }
  });

  it("takes no shorter or longer number for a container id", () => {
    assert.equal(containerId(`/x/${id}0`), undefined);
    assert.equal(containerId(`/x/${id.slice(1)}`), undefined);
    assert.equal(containerId(undefined), undefined);
  });

  it("finds a unit and leaves a user's manager and sessions out", () => {
    assert.equal(systemdUnit("/system.slice/nginx.service"), "nginx");
    assert.equal(systemdUnit("/system.slice/my\\x2dapp.service"), "my-app");
    assert.equal(systemdUnit("/user.slice/user-0.slice/user@0.service"), undefined);
    assert.equal(systemdUnit("/user.slice/user-0.slice/session-1.scope"), undefined);
  });
});
