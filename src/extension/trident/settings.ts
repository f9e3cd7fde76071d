/** Settings of the extension `trident`. */
import { z } from "zod";
import { durationMs, sizeBytes } from "../../config-value.ts";

const controller = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:]+\]|[^:[\]\s]+):\d{1,5}$/, 'not an address, write it like "10.0.0.1:20035"');

/** The extension `trident`: an agent of a DeepFlow controller. */
export const tridentAgentSettings = z.strictObject({
  /** Tried in turn. After the first answer the controller's own choice comes first. */
  controllers: z.array(controller).min(1),
  /** `agent`: DeepFlow 6.6 and newer; `trident`: 6.5 and older. */
  generation: z.enum(["agent", "trident"]).default("agent"),
  tls: z
    .strictObject({
      ca_file: z.string().optional(),
      cert_file: z.string().optional(),
      key_file: z.string().optional(),
      server_name_override: z.string().optional(),
    })
    .optional(),
  /** Found by the way to the controller when left out. */
  ctrl_ip: z.string().optional(),
  ctrl_mac: z.string().optional(),
  team_id: z.string().default(""),
  group_id: z.string().default(""),
  /** A controller pushes only to names that begin with `deepflow-agent` or `trident`. */
  process_name: z.string().optional(),
  /** Branch, a space, count-commit: what a controller compares with the revision that it wants. */
  revision: z.string().optional(),
  kubernetes_cluster_id: z.string().default(""),
  /** Inside a cluster: what the controller names the cluster by, when no id is set. */
  kubernetes_ca_file: z.string().default("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"),
  kubernetes_cluster_name: z.string().default(""),
  /** Where the last good configuration is kept for the time without a controller. */
  storage_directory: z.string().optional(),
  timeout: durationMs().prefault("30s"),
  retry_interval: durationMs().prefault("10s"),
  push_reconnect_interval: durationMs().prefault("10s"),
  max_message_size: sizeBytes().prefault("64MiB"),
  /** Interfaces and addresses of this host, and names of its processes, to the controller. */
  genesis_sync: z.boolean().default(true),
  /** An upgrade is received and checked, then this command gets the file's path as its last argument. Off without. */
  upgrade: z
    .strictObject({
      command: z.array(z.string()).min(1),
      directory: z.string(),
      max_size: sizeBytes().prefault("512MiB"),
    })
    .optional(),
  /** Lets the controller read a fixed list of files of /proc. It can run nothing. */
  remote_execute: z.boolean().default(false),
});

export type TridentAgentSettings = z.output<typeof tridentAgentSettings>;
