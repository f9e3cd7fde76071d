/** Upgrade: once per revision that the controller wants; the package goes to the operator's command. */
import { messageOf } from "../../../error.ts";
import type { AgentContext } from "../agent-context.ts";
import { UpgradeRefusedError } from "../error.ts";
import type { TridentAgentSettings } from "../settings.ts";
import { handOver, UpgradeReceiver } from "../upgrade.ts";

export class Upgrades {
  readonly #agent: AgentContext;
  #lastRevision = "";

  constructor(agent: AgentContext) {
    this.#agent = agent;
  }

  /** @returns undefined: there is nothing to do */
  wanted(revision: string, url: string): Promise<void> | undefined {
    const { who, settings, log } = this.#agent;
    const isWanted = revision !== "" && !who.revision.includes(revision) && this.#lastRevision !== revision;
    if (!isWanted || url.trim().toLowerCase() !== "grpc") return undefined;
    this.#lastRevision = revision;
    if (settings.upgrade === undefined) {
      log.warn("the controller wants another revision; upgrades are not configured", { revision });
      return undefined;
    }
    return this.#receive(revision, settings.upgrade);
  }

  async #receive(revision: string, settings: NonNullable<TridentAgentSettings["upgrade"]>): Promise<void> {
    const { generation, who, client, signal, log } = this.#agent;
    const receiver = new UpgradeReceiver(settings);
    try {
      await receiver.start();
      await client().stream(generation.methods.upgrade, generation.upgrade(who), signal, (message) =>
        receiver.take(generation.upgradePart(message)),
      );
      const path = await receiver.finish();
      log.info("upgrade package is whole, handed to the operator's command", { revision, path });
      const code = await handOver(settings.command, path);
      log.info("the operator's upgrade command has ended", { code });
    } catch (error) {
      await receiver.discard();
      const { message, code } =
        error instanceof UpgradeRefusedError ? error : new UpgradeRefusedError(messageOf(error), { cause: error });
      log.error(`upgrade refused: ${message}`, { code, revision });
    }
  }
}
