/** Bits of SyncRequest.exception that we raise. */
export const AgentException = {
  none: 0n,
  invalidConfiguration: 256n,
  controllerSocketError: 32_768n,
  analyzerSocketError: 65_536n,
  dataBpsThresholdExceeded: 2_097_152n,
} as const;
