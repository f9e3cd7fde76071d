/** One AMQP 0-9-1 exchange as a messaging span (semantic conventions, RabbitMQ). */
import { type Attribute, SpanKind } from "../../span.ts";
import { nameWithDestination } from "../destination.ts";
import { missingResponse } from "../failure.ts";
import { Sender, type Session, type SpanFields, type SpanView } from "../protocol.ts";
import { Method, REQUESTS, SETTLEMENTS } from "./methods.ts";
import type { Amqp091Message } from "./state.ts";

export function describeAmqp091(session: Session<Amqp091Message>, view: SpanView): SpanFields | undefined {
  const { request, response } = session;
  if (request === undefined) return undefined;
  const { method } = request;
  const isClient = view.kind === SpanKind.client;
  const attributes: Attribute[] = [["messaging.system", "rabbitmq"]];
  let errorType = missingResponse(session);
  const replyCode = request.replyCode ?? response?.replyCode;
  if (replyCode !== undefined && replyCode !== 200) errorType = String(replyCode);
  let operation = REQUESTS.get(method)?.name ?? "close";
  let kind: SpanKind | undefined;
  let type: string | undefined;
  if (method === Method.basicPublish) {
    operation = "publish";
    type = "send";
    kind = SpanKind.producer;
  } else if (method === Method.basicDeliver || method === Method.basicGet) {
    operation = method === Method.basicGet ? "get" : "deliver";
    type = "receive";
    kind = SpanKind.consumer;
  } else if (SETTLEMENTS.has(method)) {
    operation = SETTLEMENTS.get(method)!;
    type = "settle";
  } else if (method === Method.basicReturn) operation = "return";
  else if (request.sender === Sender.server)
    operation = method === Method.channelClose ? "channel.close" : "connection.close";
  attributes.push(["messaging.operation.name", operation]);
  if (type !== undefined) attributes.push(["messaging.operation.type", type]);
  const content = method === Method.basicGet && response !== undefined ? response : request;
  const destination = destinationOf(content, request.queue);
  if (destination !== undefined) attributes.push(["messaging.destination.name", destination]);
  if (content.routingKey) attributes.push(["messaging.rabbitmq.destination.routing_key", content.routingKey]);
  if (content.deliveryTag !== undefined) {
    attributes.push(["messaging.rabbitmq.message.delivery_tag", content.deliveryTag]);
  }
  if (content.bodySize !== undefined) attributes.push(["messaging.message.body.size", content.bodySize]);
  if (content.messageId) attributes.push(["messaging.message.id", content.messageId]);
  if (content.correlationId) attributes.push(["messaging.message.conversation_id", content.correlationId]);
  if (request.virtualHost !== undefined) attributes.push(["sockspan.amqp.virtual_host", request.virtualHost]);
  if (replyCode !== undefined) attributes.push(["sockspan.amqp.reply_code", replyCode]);
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return {
    name: destination !== undefined ? nameWithDestination(attributes, operation, destination) : operation,
    ...(kind !== undefined && isClient ? { kind } : {}),
    attributes,
    isError: errorType !== undefined,
  };
}

/** `exchange:routing key`; the default exchange routes by the queue's name. */
function destinationOf(message: Amqp091Message, queue: string | undefined): string | undefined {
  const { exchange, routingKey } = message;
  if (exchange && routingKey) return `${exchange}:${routingKey}`;
  return exchange || routingKey || queue || undefined;
}
