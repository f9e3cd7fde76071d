/** Brokers' error codes (protocol guide, "Error Codes") that a producer may see, and what follows from each. */

export const ErrorKind = { retry: "retry", tooLarge: "too_large", permanent: "permanent" } as const;
export type ErrorKind = (typeof ErrorKind)[keyof typeof ErrorKind];

export interface BrokerError {
  readonly kind: ErrorKind;
  readonly text: string;
}

const { retry, tooLarge, permanent } = ErrorKind;

/** Rights and credentials are given by people, perhaps soon: those are tried again as long as a broker that is down. */
const ERRORS: ReadonlyMap<number, BrokerError> = new Map([
  [-1, { kind: retry, text: "UNKNOWN_SERVER_ERROR" }],
  [2, { kind: retry, text: "CORRUPT_MESSAGE" }],
  [3, { kind: retry, text: "UNKNOWN_TOPIC_OR_PARTITION: the topic is not there, and the broker did not make it" }],
  [5, { kind: retry, text: "LEADER_NOT_AVAILABLE" }],
  [6, { kind: retry, text: "NOT_LEADER_OR_FOLLOWER" }],
  [7, { kind: retry, text: "REQUEST_TIMED_OUT" }],
  [8, { kind: retry, text: "BROKER_NOT_AVAILABLE" }],
  [9, { kind: retry, text: "REPLICA_NOT_AVAILABLE" }],
  [
    10,
    {
      kind: tooLarge,
      text: "MESSAGE_TOO_LARGE: above message.max.bytes of the broker or max.message.bytes of the topic",
    },
  ],
  [13, { kind: retry, text: "NETWORK_EXCEPTION" }],
  [17, { kind: permanent, text: "INVALID_TOPIC_EXCEPTION: no topic can have this name" }],
  [18, { kind: tooLarge, text: "RECORD_LIST_TOO_LARGE: above segment.bytes of the topic" }],
  [19, { kind: retry, text: "NOT_ENOUGH_REPLICAS" }],
  [20, { kind: retry, text: "NOT_ENOUGH_REPLICAS_AFTER_APPEND" }],
  [21, { kind: permanent, text: "INVALID_REQUIRED_ACKS" }],
  [29, { kind: retry, text: "TOPIC_AUTHORIZATION_FAILED: this user may not write to the topic" }],
  [31, { kind: retry, text: "CLUSTER_AUTHORIZATION_FAILED: this user may not use the cluster" }],
  [32, { kind: permanent, text: "INVALID_TIMESTAMP" }],
  [33, { kind: retry, text: "UNSUPPORTED_SASL_MECHANISM" }],
  [34, { kind: retry, text: "ILLEGAL_SASL_STATE: the broker wants no SASL here, leave `auth` out" }],
  [35, { kind: permanent, text: "UNSUPPORTED_VERSION" }],
  [43, { kind: permanent, text: "UNSUPPORTED_FOR_MESSAGE_FORMAT" }],
  [44, { kind: permanent, text: "POLICY_VIOLATION" }],
  [56, { kind: retry, text: "KAFKA_STORAGE_ERROR" }],
  [58, { kind: retry, text: "SASL_AUTHENTICATION_FAILED: look at username and password" }],
  [74, { kind: retry, text: "FENCED_LEADER_EPOCH" }],
  [75, { kind: retry, text: "UNKNOWN_LEADER_EPOCH" }],
  [76, { kind: permanent, text: "UNSUPPORTED_COMPRESSION_TYPE: the broker knows no such compression" }],
  [
    87,
    {
      kind: permanent,
      text: "INVALID_RECORD: the broker refuses the messages, perhaps since the topic is compacted and wants keys",
    },
  ],
  [89, { kind: retry, text: "THROTTLING_QUOTA_EXCEEDED" }],
]);

export function brokerError(code: number): BrokerError {
  return ERRORS.get(code) ?? { kind: permanent, text: `error code ${code}` };
}
