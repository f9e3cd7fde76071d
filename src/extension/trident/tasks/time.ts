/** Query: how far the controller's clock is from ours. The host's clock is never set: only time stamps of rows are corrected. */

import { randomBytes } from "node:crypto";
import { messageOf } from "../../../error.ts";
import { ntpOffsetNs, ntpRequest } from "../../../mapping/trident/ntp.ts";
import type { AgentContext } from "../agent-context.ts";

const MAX_INTERVAL_MS = 60_000;
const OFF_INTERVAL_MS = 1000;

export async function keepTime(agent: AgentContext): Promise<void> {
  while (!agent.signal.aborted) {
    const { config } = agent.state;
    if (config?.isNtpEnabled) {
      try {
        await askTime(agent);
      } catch (error) {
        agent.log.debug("query failed", { error: messageOf(error) });
      }
    }
    await agent.wait(config?.isNtpEnabled ? Math.min(config.syncIntervalMs, MAX_INTERVAL_MS) : OFF_INTERVAL_MS);
  }
}

async function askTime({ generation, who, client, state, log }: AgentContext): Promise<void> {
  const cookie = randomBytes(8).readBigUInt64BE();
  const sentNs = BigInt(Date.now()) * 1_000_000n;
  const response = await client().unary(generation.methods.query, generation.query(who, ntpRequest(cookie)));
  const receivedNs = BigInt(Date.now()) * 1_000_000n;
  const offsetNs = ntpOffsetNs(generation.queryAnswer(response), cookie, sentNs, receivedNs);
  if (offsetNs === undefined) log.warn("the controller's answer about the time is none");
  else state.clockOffset(offsetNs);
}
