import assert from "node:assert/strict";
import { HealthCheck, healthCheckSettings } from "../../src/extension/health-check.ts";

describe("health_check", () => {
  it("is 503 until the probes are attached, then 200", async () => {
    const health = { isReady: false, readySince: undefined as number | undefined, now: () => 61_000 };
    const settings = healthCheckSettings.decode({ endpoint: "127.0.0.1:0" });
    const check = new HealthCheck("health_check", settings, health);
    await check.start();
    try {
      const before = await fetch(check.address!);
      assert.equal(before.status, 503);
      assert.deepEqual(await before.json(), { status: "Server not available" });
      health.isReady = true;
      health.readySince = 1000;
      const after = await fetch(check.address!);
      assert.equal(after.status, 200);
      assert.deepEqual(await after.json(), {
        status: "Server available",
        upSince: "1970-01-01T00:00:01.000Z",
        uptime: "60s",
      });
      assert.equal((await fetch(`${check.address}other`)).status, 404);
    } finally {
      await check.shutdown();
    }
  });
});
