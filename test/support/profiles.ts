import type { Frame, MemoryMapping, Profile, ProfileSample } from "../../src/mapping/profile.ts";
import { makeResource } from "./spans.ts";

export const profileTime = 1_790_000_000_000_000_000n;

export const nodeMapping: MemoryMapping = {
  memoryStart: 0x400000n,
  memoryLimit: 0x900000n,
  fileOffset: 0n,
  fileName: "/usr/bin/node",
  attributes: [["process.executable.build_id.htlhash", "0123456789abcdef0123456789abcdef"]],
};

/** Without a mapping it is the kernel's; without a name it has no line. */
export function makeFrame(functionName: string, mapping: MemoryMapping | undefined = nodeMapping): Frame {
  return {
    address: BigInt(0x400000 + functionName.length),
    mapping,
    type: mapping === undefined ? "kernel" : "native",
    lines: functionName === "" ? [] : [{ functionName, fileName: "a.cc", lineNumber: 7 }],
  };
}

export function makeProfileSample(change: Partial<ProfileSample> = {}): ProfileSample {
  return {
    timeUnixNano: profileTime + 5n,
    stack: [makeFrame("read", undefined), makeFrame("work"), makeFrame("main")],
    attributes: [
      ["thread.id", 7],
      ["thread.name", "worker"],
    ],
    link: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" },
    value: 1,
    ...change,
  };
}

export function makeProfile(change: Partial<Profile> = {}): Profile {
  return {
    type: "cpu",
    resource: makeResource(),
    timeUnixNano: profileTime,
    durationNano: 1_000_000_000n,
    periodNano: 10_309_278,
    samples: [makeProfileSample()],
    ...change,
  };
}
