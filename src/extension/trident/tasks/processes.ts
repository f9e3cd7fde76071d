/** GPIDSync: which processes hold the connections that rows are made of; the answer has their ids in the whole fleet. */
import { messageOf } from "../../../error.ts";
import type { AgentContext } from "../agent-context.ts";

const OFF_INTERVAL_MS = 1000;

export async function reportProcesses(agent: AgentContext): Promise<void> {
  const { generation, state, link, log } = agent;
  while (!agent.signal.aborted) {
    const intervalMs = state.config?.processSyncIntervalMs ?? 0;
    link.connections.isWanted = intervalMs > 0;
    if (intervalMs > 0 && state.isRegistered) {
      const request = generation.processes(agent.who, state.dynamic.agentId, link.connections.take());
      try {
        const response = await agent.client().unary(generation.methods.gpidSync, request);
        link.connections.learn(generation.processesAnswer(response));
      } catch (error) {
        log.debug("process sync failed", { error: messageOf(error) });
      }
    }
    await agent.wait(intervalMs > 0 && state.isRegistered ? intervalMs : OFF_INTERVAL_MS);
  }
}
