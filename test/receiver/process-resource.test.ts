import assert from "node:assert/strict";
import type { Resource } from "../../src/mapping/span.ts";
import { type HostFacts, type KnownFacts, processResource } from "../../src/receiver/process-resource.ts";

const HOST: HostFacts = { hostName: "h", bootId: "b", version: "1", ownCgroupPath: "/own" };
const ID = "ab".repeat(32);

function facts(changes: Partial<KnownFacts> = {}): KnownFacts {
  return {
    tgid: 7,
    startTimeTicks: 100,
    comm: "node",
    executablePath: "/usr/bin/node",
    commandLine: ["node", "app.js"],
    environment: {},
    ...changes,
  };
}

function value(resource: Resource, key: string): unknown {
  return resource.attributes.find(([name]) => name === key)?.[1];
}

function name(changes: Partial<KnownFacts>): unknown {
  return value(processResource(facts(changes), HOST), "service.name");
}

describe("processResource", () => {
  it("names a service by what says most about it", () => {
    const environment = { OTEL_SERVICE_NAME: "shop", OTEL_RESOURCE_ATTRIBUTES: "service.name=other" };
    assert.equal(name({ environment, cgroupPath: `/docker/${ID}` }), "shop");
    assert.equal(name({ environment: { OTEL_RESOURCE_ATTRIBUTES: "a=b,service.name=my%20shop" } }), "my shop");
    assert.equal(name({ cgroupPath: `/docker/${ID}`, containerName: "web-1" }), "web-1");
    assert.equal(name({ cgroupPath: `/docker/${ID}` }), ID.slice(0, 12));
    assert.equal(name({ cgroupPath: "/system.slice/orders.service" }), "orders");
    assert.equal(name({}), "app");
    assert.equal(name({ executablePath: "/usr/sbin/nginx", commandLine: ["nginx: master"] }), "nginx");
    assert.equal(name({ environment: { OTEL_SERVICE_NAME: "" } }), "app");
    const redis = { comm: "redis-server", executablePath: "/usr/bin/redis-check-rdb" };
    assert.equal(name({ ...redis, commandLine: ["/usr/bin/redis-server *:6379"] }), "redis-server");
    assert.equal(name({ ...redis, commandLine: ["something"] }), "redis-check-rdb");
    const itself = { comm: "exe", executablePath: "/usr/lib/chromium/chromium", commandLine: ["/proc/self/exe"] };
    assert.equal(name(itself), "chromium");
  });

  it("does not name a process by the container or unit that we run in too", () => {
    const host = { ...HOST, ownCgroupPath: `/docker/${ID}` };
    const resource = processResource(facts({ cgroupPath: `/docker/${ID}` }), host);
    assert.equal(value(resource, "service.name"), "app");
    assert.equal(value(resource, "container.id"), ID);
  });

  it("keeps the process's own attributes, but not those that say who it is", () => {
    const environment = { OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=prod,process.pid=1,=x,broken" };
    const resource = processResource(facts({ environment }), HOST);
    assert.equal(value(resource, "deployment.environment.name"), "prod");
    assert.equal(value(resource, "process.pid"), 7);
  });

  it("gives each start of a process an instance id that does not change", () => {
    const id = (changes: Partial<KnownFacts>) => value(processResource(facts(changes), HOST), "service.instance.id");
    assert.equal(id({}), id({ comm: "renamed" }));
    assert.notEqual(id({}), id({ startTimeTicks: 101 }));
    assert.match(String(id({})), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("bounds what comes from the process", () => {
    const resource = processResource(facts({ environment: { OTEL_SERVICE_NAME: "x".repeat(100_000) } }), HOST);
    assert.equal(String(value(resource, "service.name")).length, 512);
  });

  it("has no key twice", () => {
    const environment = { OTEL_RESOURCE_ATTRIBUTES: "service.name=a,service.name=b,host.name=c" };
    const keys = processResource(facts({ environment }), HOST).attributes.map(([key]) => key);
    assert.equal(new Set(keys).size, keys.length);
  });
});
