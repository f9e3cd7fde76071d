/** GenesisSync: interfaces, addresses and processes of this host; a heartbeat while the controller holds the version. */
import { messageOf } from "../../../error.ts";
import type { AgentContext } from "../agent-context.ts";
import { readHostFacts } from "../host-facts.ts";

const UNREGISTERED_INTERVAL_MS = 1000;

export async function reportHost(agent: AgentContext): Promise<void> {
  const { generation, state, log } = agent;
  let version = BigInt(Math.floor(Date.now() / 1000));
  let heldVersion = 0n;
  let lastData = "";
  while (!agent.signal.aborted) {
    if (state.isRegistered) {
      const data = readHostFacts(state.config?.areProcessesReported ?? false);
      const text = JSON.stringify(data, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
      if (text !== lastData) {
        lastData = text;
        version++;
      }
      const { agentId } = state.dynamic;
      const facts = { version, agentId, data: heldVersion === version ? undefined : data };
      try {
        const request = generation.genesis(agent.who, facts);
        const response = await agent.client().unary(generation.methods.genesisSync, request);
        heldVersion = generation.genesisVersion(response);
      } catch (error) {
        log.debug("genesis sync failed", { error: messageOf(error) });
      }
    }
    await agent.wait(
      state.isRegistered ? (state.config?.genesisIntervalMs ?? UNREGISTERED_INTERVAL_MS) : UNREGISTERED_INTERVAL_MS,
    );
  }
}
