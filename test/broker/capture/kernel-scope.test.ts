import assert from "node:assert/strict";
import { cgroup2Mount } from "../../../src/broker/capture/kernel-scope.ts";

describe("where cgroup version 2 is mounted", () => {
  it("is found beside version 1, and by itself", () => {
    const hybrid = `28 25 0:23 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
29 28 0:24 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
38 28 0:33 / /sys/fs/cgroup/unified rw,nosuid shared:17 master:1 - cgroup2 cgroup2 rw
`;
    assert.equal(cgroup2Mount(hybrid), "/sys/fs/cgroup/unified");
    assert.equal(cgroup2Mount("35 24 0:30 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n"), "/sys/fs/cgroup");
    assert.equal(cgroup2Mount("35 24 0:30 / /mnt/a\\040b rw - cgroup2 none rw\n"), "/mnt/a b");
  });

  it("is nowhere on a host with version 1 alone", () => {
    assert.equal(cgroup2Mount("29 28 0:24 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"), undefined);
  });
});
