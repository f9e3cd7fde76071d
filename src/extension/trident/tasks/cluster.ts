/**
 * The cluster that this host is in. Its id is a setting, or what the controller makes of the MD5 of the cluster's CA
 * certificate. We watch no cluster: KubernetesAPISync and PrometheusAPISync are valid messages without entries, sent
 * when the controller asks for them.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { messageOf } from "../../../error.ts";
import type { AgentContext } from "../agent-context.ts";

export async function reportCluster(agent: AgentContext): Promise<void> {
  if (agent.who.kubernetesClusterId === "") await findCluster(agent);
  const { generation, state, log } = agent;
  const { kubernetesApiSync, prometheusApiSync } = generation.methods;
  const version = BigInt(Math.floor(Date.now() / 1000));
  while (!agent.signal.aborted && agent.who.kubernetesClusterId !== "") {
    const { isKubernetesApiEnabled, agentId } = state.dynamic;
    if (isKubernetesApiEnabled) {
      try {
        await agent.client().unary(kubernetesApiSync, generation.kubernetes(agent.who, agentId, version));
        if (prometheusApiSync !== undefined) {
          await agent.client().unary(prometheusApiSync, generation.prometheus(agent.who, agentId, version));
        }
      } catch (error) {
        log.debug("cluster sync failed", { error: messageOf(error) });
      }
    }
    await agent.wait(state.config?.genesisIntervalMs ?? agent.settings.retry_interval);
  }
}

/** Asks until the controller names the cluster; outside of a cluster there is no certificate, and nothing to ask. */
async function findCluster(agent: AgentContext): Promise<void> {
  const { settings, generation, log } = agent;
  let certificate: Buffer;
  try {
    certificate = await readFile(settings.kubernetes_ca_file);
  } catch {
    return;
  }
  const caMd5 = createHash("md5").update(certificate).digest("hex");
  while (!agent.signal.aborted) {
    try {
      const request = generation.clusterId(agent.who, caMd5);
      const { id, problem } = generation.clusterIdAnswer(
        await agent.client().unary(generation.methods.getKubernetesClusterId, request),
      );
      if (id !== "") {
        agent.joinCluster(id);
        return;
      }
      log.warn("the controller does not name the cluster", { error: problem });
    } catch (error) {
      log.debug("asking for the cluster's id failed", { error: messageOf(error) });
    }
    await agent.wait(settings.retry_interval);
  }
}
