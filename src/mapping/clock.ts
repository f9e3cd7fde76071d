/** Kernel time to wall time. The offset is given from outside: a pure function of its arguments. */

/** @param timestampNs monotonic ns as events carry it @param offsetNs wall minus monotonic, ns */
export function toUnixNano(timestampNs: number, offsetNs: bigint): bigint {
  return BigInt(Math.round(timestampNs)) + offsetNs;
}
