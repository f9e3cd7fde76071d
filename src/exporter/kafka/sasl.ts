/** SASL with a broker (KIP-152): PLAIN (RFC 4616) and SCRAM (RFC 5802) without channel binding. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { saslAuthenticate, saslHandshake } from "./apis.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import { KafkaError, KafkaErrorCode } from "./error.ts";
import { brokerError } from "./error-codes.ts";

export const SASL_MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export interface SaslCredentials {
  readonly mechanism: SaslMechanism;
  readonly username: string;
  readonly password: string;
}

/** RFC 5802 wants 4096 at least; a broker that wants very many would keep us busy. */
const MAX_ITERATIONS = 1_000_000;

const derive = promisify(pbkdf2);

/** @throws KafkaError when the broker refuses, or does not prove that it knows the password */
export async function authenticate(
  connection: BrokerConnection,
  { mechanism, username, password }: SaslCredentials,
  nonce = randomBytes(18).toString("base64"),
): Promise<void> {
  const { errorCode, mechanisms } = await connection.request(saslHandshake, (request) => request.string(mechanism));
  if (errorCode !== 0) {
    const offered = mechanisms.length === 0 ? "" : `, it offers ${mechanisms.join(", ")}`;
    throw refused(`${brokerError(errorCode).text}${offered}`);
  }
  if (mechanism === "PLAIN") {
    await exchange(connection, `\0${username}\0${password}`);
    return;
  }
  const hash = mechanism === "SCRAM-SHA-256" ? "sha256" : "sha512";
  const firstBare = `n=${username.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  const serverFirst = await exchange(connection, `n,,${firstBare}`);
  const { r: serverNonce = "", s: salt = "", i: iterations = "" } = attributesOf(serverFirst);
  if (!serverNonce.startsWith(nonce) || !(Number(iterations) > 0 && Number(iterations) <= MAX_ITERATIONS)) {
    throw refused("the broker's challenge is none of SCRAM");
  }
  const withoutProof = `c=biws,r=${serverNonce}`;
  const message = `${firstBare},${serverFirst},${withoutProof}`;
  const length = hash === "sha256" ? 32 : 64;
  const salted = await derive(password, Buffer.from(salt, "base64"), Number(iterations), length, hash);
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const signature = hmac(createHash(hash).update(clientKey).digest(), message);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString("base64");
  const serverFinal = await exchange(connection, `${withoutProof},p=${proof}`);
  const expected = hmac(hmac(salted, "Server Key"), message);
  const given = Buffer.from(attributesOf(serverFinal).v ?? "", "base64");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw refused("the broker does not know the password itself: it may not be the one that you mean");
  }
}

async function exchange(connection: BrokerConnection, text: string): Promise<string> {
  const answer = await connection.request(saslAuthenticate, (request) => request.bytes(Buffer.from(text)));
  if (answer.errorCode !== 0) {
    throw refused([brokerError(answer.errorCode).text, answer.message].filter((each) => each !== "").join(": "));
  }
  return answer.bytes.toString();
}

function refused(message: string): KafkaError {
  return new KafkaError(KafkaErrorCode.authentication, message);
}

function attributesOf(message: string): {
  readonly r?: string;
  readonly s?: string;
  readonly i?: string;
  readonly v?: string;
} {
  return Object.fromEntries(message.split(",").map((each) => [each.slice(0, 1), each.slice(2)]));
}
