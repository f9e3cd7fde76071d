/** Pulsar's commands (PulsarApi.proto, BaseCommand.Type): the fields of each that matter. */

interface PulsarCommand {
  readonly name: string;
  /** ordered: the next answer of its kind is its own. */
  readonly role: "request" | "response" | "oneWay" | "ordered";
  readonly isServers: boolean;
  readonly isSilent: boolean;
  readonly operationType: "send" | "receive" | "settle" | undefined;
  readonly requestField: number | undefined;
  readonly topicField: number | undefined;
  readonly producerField: number | undefined;
  readonly consumerField: number | undefined;
  readonly messageIdField: number | undefined;
  /** The error's text is in the field behind it. */
  readonly errorField: number | undefined;
}

export const Command = {
  connect: 2,
  connected: 3,
  subscribe: 4,
  producer: 5,
  send: 6,
  sendReceipt: 7,
  sendError: 8,
  message: 9,
  ack: 10,
  closeProducer: 15,
  closeConsumer: 16,
  ping: 18,
  pong: 19,
} as const;

function command(name: string, role: PulsarCommand["role"], fields: Partial<PulsarCommand> = {}): PulsarCommand {
  return {
    name,
    role,
    isServers: role === "response",
    isSilent: false,
    operationType: undefined,
    requestField: role === "response" ? 1 : role === "request" ? 2 : undefined,
    topicField: undefined,
    producerField: undefined,
    consumerField: undefined,
    messageIdField: undefined,
    errorField: undefined,
    ...fields,
  };
}

export const COMMANDS: ReadonlyMap<number, PulsarCommand> = new Map([
  [2, command("CONNECT", "ordered")],
  [3, command("CONNECTED", "ordered", { isServers: true })],
  [4, command("SUBSCRIBE", "request", { topicField: 1, consumerField: 4, requestField: 5 })],
  [5, command("PRODUCER", "request", { topicField: 1, producerField: 2, requestField: 3 })],
  [6, command("SEND", "request", { producerField: 1, operationType: "send" })],
  [7, command("SEND_RECEIPT", "response", { producerField: 1, messageIdField: 3 })],
  [8, command("SEND_ERROR", "response", { producerField: 1, errorField: 3 })],
  [9, command("MESSAGE", "oneWay", { consumerField: 1, messageIdField: 2, isServers: true, operationType: "receive" })],
  [10, command("ACK", "request", { consumerField: 1, messageIdField: 3, requestField: 8, operationType: "settle" })],
  [11, command("FLOW", "oneWay", { consumerField: 1, isSilent: true })],
  [12, command("UNSUBSCRIBE", "request", { consumerField: 1 })],
  [13, command("SUCCESS", "response")],
  [14, command("ERROR", "response", { errorField: 2 })],
  [15, command("CLOSE_PRODUCER", "request", { producerField: 1 })],
  [16, command("CLOSE_CONSUMER", "request", { consumerField: 1 })],
  [17, command("PRODUCER_SUCCESS", "response")],
  [18, command("PING", "ordered", { isSilent: true })],
  [19, command("PONG", "ordered", { isSilent: true })],
  [20, command("REDELIVER_UNACKNOWLEDGED_MESSAGES", "oneWay", { consumerField: 1 })],
  [21, command("PARTITIONED_METADATA", "request", { topicField: 1 })],
  [22, command("PARTITIONED_METADATA_RESPONSE", "response", { requestField: 2, errorField: 4 })],
  [23, command("LOOKUP", "request", { topicField: 1 })],
  [24, command("LOOKUP_RESPONSE", "response", { requestField: 4, errorField: 6 })],
  [25, command("CONSUMER_STATS", "request", { requestField: 1 })],
  [26, command("CONSUMER_STATS_RESPONSE", "response", { errorField: 2 })],
  [27, command("REACHED_END_OF_TOPIC", "oneWay", { consumerField: 1, isServers: true })],
  [28, command("SEEK", "request", { consumerField: 1 })],
  [29, command("GET_LAST_MESSAGE_ID", "request", { consumerField: 1 })],
  [30, command("GET_LAST_MESSAGE_ID_RESPONSE", "response", { requestField: 2 })],
  [31, command("ACTIVE_CONSUMER_CHANGE", "oneWay", { consumerField: 1, isServers: true })],
  [32, command("GET_TOPICS_OF_NAMESPACE", "request", { requestField: 1 })],
  [33, command("GET_TOPICS_OF_NAMESPACE_RESPONSE", "response")],
  [34, command("GET_SCHEMA", "request", { requestField: 1, topicField: 2 })],
  [35, command("GET_SCHEMA_RESPONSE", "response", { errorField: 2 })],
  [36, command("AUTH_CHALLENGE", "oneWay", { isServers: true })],
  [37, command("AUTH_RESPONSE", "oneWay")],
  [38, command("ACK_RESPONSE", "response", { consumerField: 1, errorField: 4, requestField: 6 })],
  [39, command("GET_OR_CREATE_SCHEMA", "request", { requestField: 1, topicField: 2 })],
  [40, command("GET_OR_CREATE_SCHEMA_RESPONSE", "response", { errorField: 2 })],
  [50, command("NEW_TXN", "request", { requestField: 1 })],
  [51, command("NEW_TXN_RESPONSE", "response", { errorField: 4 })],
  [52, command("ADD_PARTITION_TO_TXN", "request", { requestField: 1 })],
  [53, command("ADD_PARTITION_TO_TXN_RESPONSE", "response", { errorField: 4 })],
  [54, command("ADD_SUBSCRIPTION_TO_TXN", "request", { requestField: 1 })],
  [55, command("ADD_SUBSCRIPTION_TO_TXN_RESPONSE", "response", { errorField: 4 })],
  [56, command("END_TXN", "request", { requestField: 1 })],
  [57, command("END_TXN_RESPONSE", "response", { errorField: 4 })],
  [62, command("TC_CLIENT_CONNECT_REQUEST", "request", { requestField: 1 })],
  [63, command("TC_CLIENT_CONNECT_RESPONSE", "response", { errorField: 2 })],
  [64, command("WATCH_TOPIC_LIST", "request", { requestField: 1 })],
  [65, command("WATCH_TOPIC_LIST_SUCCESS", "response")],
  [66, command("WATCH_TOPIC_UPDATE", "oneWay", { isServers: true })],
  [67, command("WATCH_TOPIC_LIST_CLOSE", "request", { requestField: 1 })],
  [68, command("TOPIC_MIGRATED", "oneWay", { isServers: true })],
]);

/** PulsarApi.proto, ServerError. */
export const PULSAR_ERRORS: readonly string[] = [
  "UnknownError",
  "MetadataError",
  "PersistenceError",
  "AuthenticationError",
  "AuthorizationError",
  "ConsumerBusy",
  "ServiceNotReady",
  "ProducerBlockedQuotaExceededError",
  "ProducerBlockedQuotaExceededException",
  "ChecksumError",
  "UnsupportedVersionError",
  "TopicNotFound",
  "SubscriptionNotFound",
  "ConsumerNotFound",
  "TooManyRequests",
  "TopicTerminatedError",
  "ProducerBusy",
  "InvalidTopicName",
  "IncompatibleSchema",
  "ConsumerAssignError",
  "TransactionCoordinatorNotFound",
  "InvalidTxnStatus",
  "NotAllowedError",
  "TransactionConflict",
  "TransactionNotFound",
  "ProducerFenced",
];
