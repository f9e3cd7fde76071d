import assert from "node:assert/strict";
import type { BrokerConnection } from "../../../src/ipc/connect-to-broker.ts";
import { profileConfig } from "../../../src/ipc/profile-config.ts";
import { StageAccount } from "../../../src/mapping/account.ts";
import type { Profile } from "../../../src/mapping/profile.ts";
import type { HostProcesses } from "../../../src/receiver/host-processes.ts";
import { packSamples } from "../../../src/receiver/profile/pack-samples.ts";
import type { ProfileThreadOutput } from "../../../src/receiver/profile/profile-thread-client.ts";
import { ProfileReceiver } from "../../../src/receiver/profile/receiver.ts";
import type { NamedSample, Symbolizer } from "../../../src/receiver/symbols/symbolizer.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { makeStackSample } from "../../support/stack-samples.ts";

const LIMIT_MS = 500;
const SAMPLES = 5;

interface Hanging {
  readonly symbolizer?: boolean;
  readonly broker?: boolean;
  /** Samples that the thread gives up. */
  readonly unnamed?: number;
}

async function started(hanging: Hanging) {
  const never = new Promise<never>(() => {});
  let output: ProfileThreadOutput | undefined;
  const given: Profile[] = [];
  const counters = { unexplained: 0, imagesCompiled: 0, imagesRefused: 0, processesDescribed: 0, processesRefused: 0 };
  const batch = () => {
    const samples = Array.from({ length: SAMPLES }, () => makeStackSample());
    output?.batch({
      kind: "batch",
      samples: packSamples(samples),
      changes: [],
      damagedRecords: 0,
      leftOut: 0,
      timestampNs: 2e9,
      counters: { ...counters, ends: {}, rowsUsed: 0, mappingsUsed: 0, processesPending: 0 },
    });
  };
  const symbolizer: Symbolizer = {
    account: new StageAccount("symbols", "frames"),
    ready: async () => {},
    seen: () => {},
    forked: () => {},
    executed: () => {},
    exited: () => {},
    symbolize: async (samples): Promise<readonly NamedSample[]> =>
      hanging.symbolizer ? never : samples.map((sample) => ({ sample, stack: [], isLate: false })),
    stop: () => (hanging.symbolizer ? never : Promise.resolve()),
  };
  const resource = { attributes: [] };
  const receiver = new ProfileReceiver({
    id: "profile",
    connection: {
      hello: { ownTgids: [], threadChannels: [], profiler: undefined },
      client: {
        request: async ({ type }: { type: string }) => {
          if (hanging.broker && type === "profile_loss_counters") return never;
          return type === "attach_profiler" ? { clock: "cycles", cpus: 1, probes: [] } : [];
        },
      },
    } as unknown as BrokerConnection,
    config: profileConfig.parse({ include: { pids: [7] } }),
    log: new RecordingLog(),
    processes: {
      table: { seen: () => {}, factsOf: () => undefined, resourceOf: () => resource, advance: () => {} },
      runtimes: { seen: () => {} },
    } as unknown as HostProcesses,
    feedsProcesses: false,
    symbolizer,
    openThread: (_options, heard) => {
      output = heard;
      return {
        ready: async () => {},
        describe: async () => {},
        stop: async () => {
          batch();
          return hanging.unnamed ?? 0;
        },
      };
    },
  });
  await receiver.start(
    () => {},
    (profiles) => given.push(...profiles),
  );
  batch();
  const account = () => receiver.accounts.find(({ stage }) => stage === "profile")!;
  return { receiver, account, given: () => given.reduce((sum, { samples }) => sum + samples.length, 0) };
}

/** As the service waits: what takes longer is left behind. */
async function shutDown(receiver: ProfileReceiver): Promise<boolean> {
  let isOver = false;
  const timeout = new Promise<void>((resolve) => setTimeout(resolve, LIMIT_MS * 4));
  const shutdown = receiver.shutdown(LIMIT_MS).then(() => {
    isOver = true;
  });
  await Promise.race([shutdown, timeout]);
  return isOver;
}

describe("shutdown of the profile receiver", () => {
  it("gives all that it holds", async () => {
    const { receiver, account, given } = await started({});
    assert.equal(await shutDown(receiver), true);
    assert.ok(given() > 0);
    assert.deepEqual([account().out, account().held, account().lost.size], [2 * SAMPLES, 0, 0]);
  });

  it("ends when names do not come, and counts what has none", async () => {
    const { receiver, account, given } = await started({ symbolizer: true });
    assert.equal(await shutDown(receiver), true);
    assert.equal(given(), 0);
    assert.deepEqual([account().held, account().lost.get("shutdown")], [0, 2 * SAMPLES]);
  });

  it("ends when the broker does not answer, and gives all the same", async () => {
    const { receiver, account } = await started({ broker: true });
    assert.equal(await shutDown(receiver), true);
    assert.deepEqual([account().out, account().held], [2 * SAMPLES, 0]);
  });

  it("counts what its thread had to give up", async () => {
    const { receiver, account } = await started({ unnamed: 3 });
    assert.equal(await shutDown(receiver), true);
    assert.deepEqual([account().in, account().lost.get("shutdown")], [2 * SAMPLES + 3, 3]);
  });
});
