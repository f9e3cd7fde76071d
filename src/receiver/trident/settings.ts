/** Settings of the receiver `trident`. */
import { z } from "zod";
import { durationMs, sizeBytes } from "../../config-value.ts";

const listen = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:]+\]|[^:[\]\s]+):\d{1,5}$/, 'not an address, write it like "127.0.0.1:20035"');

const serverTls = z.strictObject({
  cert_file: z.string(),
  key_file: z.string(),
  /** With it, agents must show a certificate that this authority signed. */
  client_ca_file: z.string().optional(),
});

/** The receiver `trident`: a controller and an ingester for DeepFlow agents. Each listens only when it is configured. */
export const tridentReceiverSettings = z
  .strictObject({
    controller: z
      .strictObject({
        /** Usually 127.0.0.1:20035. */
        endpoint: listen,
        tls: serverTls.optional(),
        /** Where agent ids are kept. Without it they are forgotten at the end. */
        storage_directory: z.string().optional(),
        /** One YAML file per group: GROUP.yaml holds the group's user_config. Read again when it changes. */
        groups_directory: z.string().optional(),
        /** Where agents reach the controller, `host:port`; else they are told the endpoint. */
        advertise_controller: listen.optional(),
        /** Where agents reach the ingester, `host:port`; else the ingester's endpoint. */
        advertise_ingester: listen.optional(),
        /** vpc_id of all agents. */
        vpc_id: z.number().int().positive().default(1),
        max_agents: z.number().int().positive().max(64_000).default(10_000),
        max_push_streams: z.number().int().positive().default(10_000),
        max_calls_per_second: z.number().int().positive().default(2000),
        /** Of one address, so that one peer can't use up what all may. */
        max_calls_per_second_per_peer: z.number().int().positive().default(500),
        max_message_size: sizeBytes().prefault("10MiB"),
        heartbeat_interval: durationMs().prefault("10s"),
        reload_interval: durationMs().prefault("1s"),
        upgrade: z
          .strictObject({
            /** Offered to agents whose revision does not contain it. */
            revision: z.string().min(1),
            file: z.string().optional(),
            k8s_image: z.string().optional(),
          })
          .optional(),
      })
      .optional(),
    ingester: z
      .strictObject({
        /** TCP and UDP; usually 127.0.0.1:20033. */
        endpoint: listen,
        max_connections: z.number().int().positive().default(4096),
        max_frame_size: sizeBytes().prefault("16MiB"),
        /** Of a frame's body when it is unfolded. */
        max_unfolded_size: sizeBytes().prefault("32MiB"),
        /** 0: no limit. */
        max_rows_per_second_per_agent: z.number().int().nonnegative().default(100_000),
        stall_timeout: durationMs().prefault("30s"),
        idle_timeout: durationMs().prefault("1h"),
        /** How long a row waits for the rows that it belongs with. */
        settle: durationMs().prefault("5s"),
        max_rows: z.number().int().positive().default(200_000),
      })
      .optional(),
  })
  .refine(({ controller, ingester }) => controller !== undefined || ingester !== undefined, {
    message: "controller or ingester is needed: nothing listens unless configured",
  });

export type TridentReceiverSettings = z.output<typeof tridentReceiverSettings>;
export type ControllerSettings = NonNullable<TridentReceiverSettings["controller"]>;

export function splitAddress(endpoint: string): { readonly host: string; readonly port: number } {
  const at = endpoint.lastIndexOf(":");
  return { host: endpoint.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(endpoint.slice(at + 1)) };
}
