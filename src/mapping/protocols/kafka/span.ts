/** One Kafka exchange as a messaging span (semantic conventions, Kafka). */
import { type Attribute, SpanKind } from "../../span.ts";
import { missingResponse } from "../failure.ts";
import type { Session, SpanFields, SpanView } from "../protocol.ts";
import { KAFKA_APIS, KAFKA_ERRORS } from "./apis.ts";
import type { KafkaMessage } from "./kafka.ts";

const PRODUCE = 0;
const FETCH = 1;
const OFFSET_COMMIT = 8;
const API_VERSIONS = 18;
const UNSUPPORTED_VERSION = 35;

export function describeKafka(session: Session<KafkaMessage>, view: SpanView): SpanFields | undefined {
  const { request, response } = session;
  if (request === undefined) return undefined;
  const { apiKey } = request;
  const api = KAFKA_APIS[apiKey]!.name;
  const operation = apiKey === PRODUCE ? "send" : apiKey === FETCH ? "poll" : apiKey === OFFSET_COMMIT ? "commit" : api;
  const type =
    apiKey === PRODUCE ? "send" : apiKey === FETCH ? "receive" : apiKey === OFFSET_COMMIT ? "settle" : undefined;
  const topic = request.topic ?? response?.topic;
  const hasOneTopic = topic !== undefined && Math.max(request.topicCount, 1) === 1;
  const attributes: Attribute[] = [
    ["messaging.system", "kafka"],
    ["messaging.operation.name", operation],
  ];
  if (type !== undefined) attributes.push(["messaging.operation.type", type]);
  if (topic !== undefined) attributes.push(["messaging.destination.name", topic]);
  const partition = request.partition ?? response?.partition;
  if (partition !== undefined) attributes.push(["messaging.destination.partition.id", String(partition)]);
  const offset = apiKey === PRODUCE ? response?.offset : request.offset;
  if (offset !== undefined && Number.isSafeInteger(offset)) attributes.push(["messaging.kafka.offset", offset]);
  if (request.group !== undefined) attributes.push(["messaging.consumer.group.name", request.group]);
  if (request.clientId !== undefined) attributes.push(["messaging.client.id", request.clientId]);
  const recordCount = request.recordCount ?? response?.recordCount;
  if (recordCount !== undefined) attributes.push(["messaging.batch.message_count", recordCount]);
  attributes.push(["sockspan.kafka.api", api], ["sockspan.kafka.api_version", request.version]);
  let errorType = missingResponse(session);
  const code = response?.errorCode ?? 0;
  // A client that is newer than its broker asks again with a lower version.
  if (code !== 0 && !(apiKey === API_VERSIONS && code === UNSUPPORTED_VERSION)) {
    errorType = KAFKA_ERRORS.get(code) ?? String(code);
  }
  if (code !== 0) attributes.push(["sockspan.kafka.error_code", code]);
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  const isClient = view.kind === SpanKind.client;
  const kind = !isClient || type === undefined ? undefined : apiKey === PRODUCE ? SpanKind.producer : SpanKind.consumer;
  return {
    name: hasOneTopic && type !== undefined ? `${operation} ${topic}` : operation,
    ...(kind === undefined || apiKey === OFFSET_COMMIT ? {} : { kind }),
    attributes,
    isError: errorType !== undefined,
  };
}
