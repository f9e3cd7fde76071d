import assert from "node:assert/strict";
import { profileConfig, ringSizeBytes } from "../../src/ipc/profile-config.ts";

const MIB = 1024 ** 2;

describe("ringSizeBytes", () => {
  it("holds a second of samples, in a power of two, unless it is configured", () => {
    const defaults = profileConfig.parse({});
    assert.equal(ringSizeBytes(defaults, 2), MIB);
    assert.equal(ringSizeBytes(defaults, 64), 16 * MIB);
    assert.equal(ringSizeBytes({ ...defaults, sampling_frequency: 10_000 }, 256), 64 * MIB);
    const given = profileConfig.parse({ ring_buffer_size_bytes: "8MiB" });
    assert.equal(ringSizeBytes(given, 2), 8 * MIB);
  });
});

describe("profileConfig", () => {
  it("tells stacks of wakers with the kernel's frames only", () => {
    const parse = (kernel_stacks: boolean) =>
      profileConfig.safeParse({ kernel_stacks, off_cpu: { waker_stacks: true } });
    assert.equal(parse(true).success, true);
    const [issue] = parse(false).error!.issues;
    assert.deepEqual(issue?.path, ["off_cpu", "waker_stacks"]);
  });
});
