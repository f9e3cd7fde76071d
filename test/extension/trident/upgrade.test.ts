import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UpgradePart } from "../../../src/extension/trident/messages.ts";
import { UpgradeReceiver } from "../../../src/extension/trident/upgrade.ts";

describe("an upgrade package", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "sockspan-upgrade-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const pieces = [Buffer.from("the package, "), Buffer.from("in two pieces")];
  const whole = Buffer.concat(pieces);
  const part = (content: Buffer, changed: Partial<UpgradePart> = {}): UpgradePart => ({
    isFailed: false,
    content,
    md5: createHash("md5").update(whole).digest("hex"),
    totalBytes: BigInt(whole.length),
    pieces: pieces.length,
    k8sImage: "",
    ...changed,
  });
  const receive = async (changed: Partial<UpgradePart> = {}, max_size = 1000, given = pieces) => {
    const receiver = new UpgradeReceiver({ command: [], directory, max_size });
    await receiver.start();
    try {
      for (const each of given) receiver.take(part(each, changed));
      return await receiver.finish();
    } catch (error) {
      await receiver.discard();
      throw error;
    }
  };

  it("is a file when it is whole", async () => {
    assert.deepEqual(readFileSync(await receive()), whole);
  });

  const wrong: readonly (readonly [message: RegExp, changed: Partial<UpgradePart>, maxSize?: number])[] = [
    [/has no package/, { isFailed: true }],
    [/an image, not a package: registry\/agent/, { k8sImage: "registry/agent" }],
    [/larger than max_size 20/, {}, 20],
    [/the length is not total_len/, { totalBytes: 7n }],
    [/the number of pieces is not pkt_count/, { pieces: 3 }],
    [/the MD5 is not md5/, { md5: "0".repeat(32) }],
  ];
  for (const [message, changed, maxSize] of wrong) {
    it(`is refused, and no file stays: ${message.source}`, async () => {
      await assert.rejects(receive(changed, maxSize), { code: "TRIDENT_UPGRADE_REFUSED", message });
      assert.deepEqual(readdirSync(directory), []);
    });
  }

  it("is refused when nothing comes", async () => {
    await assert.rejects(receive({}, 1000, []), { code: "TRIDENT_UPGRADE_REFUSED", message: /nothing was sent/ });
  });
});
