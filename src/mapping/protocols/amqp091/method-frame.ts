/** Methods of AMQP 0-9-1 to messages: requests and answers by channel, contents that begin, and what settles deliveries. */
import { makeRoom } from "../../../make-room.ts";
import { ByteReader } from "../byte-reader.ts";
import { MessageRole, type MessageSink, Sender } from "../protocol.ts";
import { Method, type MethodArguments, REQUESTS, type RequestLayout, readArguments, SETTLEMENTS } from "./methods.ts";
import { type Amqp091Message, type Amqp091State, FRAME_HEADER_BYTES, MAX_CHANNELS } from "./state.ts";

/** A method's frame, and its arguments as far as they are in view. */
interface MethodFrame {
  readonly method: number;
  readonly channel: number;
  readonly sender: Sender;
  readonly bytes: Uint8Array;
  readonly end: number;
}

/** Behind the class and the number of the method. */
const ARGUMENTS_AT = FRAME_HEADER_BYTES + 4;

function newMessage(
  { method, sender, channel }: MethodFrame,
  state: Amqp091State,
  role: MessageRole,
  id?: string,
  args?: MethodArguments,
): Amqp091Message {
  return {
    role,
    id,
    method,
    sender,
    channel,
    exchange: args?.exchange,
    routingKey: args?.routingKey,
    queue: args?.queue,
    virtualHost: state.virtualHost,
    bodySize: undefined,
    headers: undefined,
    messageId: undefined,
    correlationId: undefined,
    replyCode: undefined,
    deliveryTag: undefined,
  };
}

export function methodFrame(frame: MethodFrame, state: Amqp091State, sink: MessageSink<Amqp091Message>): void {
  const { method, sender, bytes, end } = frame;
  const reader = new ByteReader(bytes, ARGUMENTS_AT, end);
  if (method === Method.basicPublish || method === Method.basicDeliver || method === Method.basicReturn) {
    content(frame, reader, state, sink);
    return;
  }
  if (sender === Sender.server) {
    answer(frame, reader, state, sink);
    return;
  }
  if (SETTLEMENTS.has(method)) {
    settlement(frame, reader, state, sink);
    return;
  }
  const layout = REQUESTS.get(method);
  if (layout !== undefined) request(frame, layout, state, sink);
}

/** A message of the application goes to the broker, or comes from it unasked. */
function content(frame: MethodFrame, reader: ByteReader, state: Amqp091State, sink: MessageSink<Amqp091Message>): void {
  const message = newMessage(frame, state, MessageRole.oneWay);
  if (frame.method === Method.basicPublish) reader.skip(2);
  else if (frame.method === Method.basicDeliver) {
    reader.skip(reader.uint8());
    message.deliveryTag = reader.uint64();
    reader.skip(1);
  } else {
    message.replyCode = reader.uint16();
    reader.skip(reader.uint8());
  }
  readOrigin(reader, message, state);
  startContent(message, state);
  sink.begin(message);
}

function settlement(
  frame: MethodFrame,
  reader: ByteReader,
  state: Amqp091State,
  sink: MessageSink<Amqp091Message>,
): void {
  const message = newMessage(frame, state, MessageRole.oneWay);
  message.deliveryTag = reader.uint64();
  const isMultiple = frame.method !== Method.basicReject && (reader.uint8() & 1) === 1;
  const origin = state.deliveries.take(frame.channel, message.deliveryTag, isMultiple);
  message.exchange = origin?.exchange;
  message.routingKey = origin?.routingKey;
  sink.message(message);
}

function request(
  frame: MethodFrame,
  layout: RequestLayout,
  state: Amqp091State,
  sink: MessageSink<Amqp091Message>,
): void {
  const args = readArguments(frame.bytes, ARGUMENTS_AT, frame.end, layout);
  if (args.virtualHost !== undefined) state.virtualHost = args.virtualHost;
  const id = `${frame.channel}.${state.count++}`;
  if (args.isNoWait) {
    sink.message(newMessage(frame, state, MessageRole.oneWay, undefined, args));
    return;
  }
  makeRoom(state.pending, MAX_CHANNELS);
  state.pending.set(frame.channel, { id, answers: layout.answers });
  sink.message(newMessage(frame, state, MessageRole.request, id, args));
}

function answer(frame: MethodFrame, reader: ByteReader, state: Amqp091State, sink: MessageSink<Amqp091Message>): void {
  const { method, channel } = frame;
  const asked = state.pending.get(channel);
  if (method === Method.channelClose || method === Method.connectionClose) {
    // On channel 0 for the connection: what waits on any channel fails with it; the one that waits here is told.
    const role = asked === undefined ? MessageRole.oneWay : MessageRole.response;
    const message = newMessage(frame, state, role, asked?.id);
    message.replyCode = reader.uint16();
    state.pending.delete(channel);
    sink.message(message);
    return;
  }
  if (asked === undefined || !asked.answers.includes(method)) return;
  state.pending.delete(channel);
  const message = newMessage(frame, state, MessageRole.response, asked.id);
  if (method !== Method.basicGetOk) {
    sink.message(message);
    return;
  }
  message.deliveryTag = reader.uint64();
  reader.skip(1);
  readOrigin(reader, message, state);
  startContent(message, state);
  sink.begin(message);
}

function readOrigin(reader: ByteReader, message: Amqp091Message, state: Amqp091State): void {
  message.exchange = reader.utf8(reader.uint8());
  message.routingKey = reader.utf8(reader.uint8());
  const { channel, deliveryTag, exchange, routingKey } = message;
  if (deliveryTag !== undefined && !reader.failed) state.deliveries.add(channel, deliveryTag, exchange, routingKey);
}

function startContent(message: Amqp091Message, state: Amqp091State): void {
  const contents = state.contents[message.sender];
  makeRoom(contents, MAX_CHANNELS);
  contents.set(message.channel, { message, remaining: undefined });
}
