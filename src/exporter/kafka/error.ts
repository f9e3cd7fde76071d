/** What is wrong with a broker, or with what answers in its place: reasons for which an export is tried again. */
import { SockspanError } from "../../error.ts";
import { brokerError, ErrorKind } from "./error-codes.ts";

export const KafkaErrorCode = {
  authentication: "KAFKA_AUTHENTICATION_FAILED",
  broker: "KAFKA_BROKER_UNUSABLE",
  topic: "KAFKA_TOPIC_UNUSABLE",
} as const;
export type KafkaErrorCode = (typeof KafkaErrorCode)[keyof typeof KafkaErrorCode];

const ADVICE: Readonly<Record<KafkaErrorCode, string>> = {
  KAFKA_AUTHENTICATION_FAILED: "Check mechanism, username and password of auth.sasl.",
  KAFKA_BROKER_UNUSABLE: "Check brokers, tls and auth, and what listens there.",
  KAFKA_TOPIC_UNUSABLE: "Check the topic's name, whether it is there, and who may write to it.",
};

export class KafkaError extends SockspanError {
  readonly code: KafkaErrorCode;

  constructor(code: KafkaErrorCode, message: string, options?: ErrorOptions) {
    super(message, ADVICE[code], options);
    this.code = code;
  }
}

/** A broker has said that the topic can't be used. */
export class TopicError extends KafkaError {
  readonly isPermanent: boolean;

  /** @param answer the broker's error code */
  constructor(topic: string, answer: number) {
    const { kind, text } = brokerError(answer);
    super(KafkaErrorCode.topic, `topic ${topic}: ${text}`);
    this.isPermanent = kind === ErrorKind.permanent;
  }
}
