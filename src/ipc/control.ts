/**
 * The control socket of a running sockspan: /run/sockspan/PID.sock, for root alone (0600 in a folder of 0700). One
 * question as a line of JSON, one answer as a line of JSON, and the connection is over.
 */
import { z } from "zod";

export const CONTROL_FOLDER = "/run/sockspan";

export const controlQuestion = z.discriminatedUnion("ask", [
  z.strictObject({ ask: z.literal("explain"), traceId: z.string().regex(/^[0-9a-f]{32}$/) }),
  /** BpfAnswer, by the broker itself. */
  z.strictObject({ ask: z.literal("bpf") }),
  /** SpansAnswer: those that have left since `after`, an answer's `next`; without it none yet. */
  z.strictObject({ ask: z.literal("spans"), after: z.int().nonnegative().optional() }),
  /** StatAnswer. */
  z.strictObject({ ask: z.literal("stat") }),
]);
export type ControlQuestion = z.output<typeof controlQuestion>;

export function controlPath(folder: string, pid: number): string {
  return `${folder}/${pid}.sock`;
}

export const CONTROL_NAME = /^\d+\.sock$/;
