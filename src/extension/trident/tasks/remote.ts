/** RemoteExecute: the agent opens the stream, the controller asks on it. remote-execute.ts decides what is answered. */

import type { Message } from "@bufbuild/protobuf";
import { messageOf } from "../../../error.ts";
import type { AgentContext } from "../agent-context.ts";
import { watch } from "../client.ts";
import type { RemoteAnswer } from "../messages.ts";
import { answerRemote } from "../remote-execute.ts";

const HEARTBEAT_MS = 30_000;
const HEARTBEAT: RemoteAnswer = { requestId: undefined, error: undefined, commands: [], output: undefined, md5: "" };

export async function answerRemotely(agent: AgentContext): Promise<void> {
  const { generation, state, log, settings } = agent;
  while (!agent.signal.aborted) {
    if (state.isRegistered) {
      const call = agent.client().bidirectional(generation.methods.remoteExecute);
      const write = (answer: RemoteAnswer): void => {
        call.write(generation.remoteAnswer(agent.who, answer));
      };
      const timer = setInterval(() => write(HEARTBEAT), HEARTBEAT_MS);
      write(HEARTBEAT);
      try {
        await watch(call, agent.signal, (message: Message) => {
          const answer = answerRemote(generation.remoteRequest(message));
          if (answer !== undefined) write(answer);
        });
      } catch (error) {
        log.debug("remote execute ended", { error: messageOf(error) });
      }
      clearInterval(timer);
    }
    await agent.wait(settings.retry_interval);
  }
}
