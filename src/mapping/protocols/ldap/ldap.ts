/**
 * LDAP version 3 (RFC 4511) in BER: operations are told apart by message id. A search is answered by entries and then
 * by its end; the answer is all of them. StartTLS hands over to TLS. Values are skipped.
 *
 * Claims: a sequence with a message id, and an operation of its tag that begins as that operation does.
 * State: 1024 searches that are being answered, 1024 StartTLS requests.
 */

import { makeRoom } from "../../../make-room.ts";
import { latin1, utf8 } from "../../latin1.ts";
import type { Attribute } from "../../span.ts";
import { uint32 } from "../byte-reader.ts";
import { describeDatabase, returnedRows } from "../database-span.ts";
import { agreed } from "../framed.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  Sender,
} from "../protocol.ts";
import { berElement } from "./ber.ts";
import { LDAP_OPERATIONS, LDAP_RESULTS, LdapOp } from "./names.ts";

interface LdapMessage extends Message {
  readonly operation: number;
  /** Searches. */
  readonly baseDn: string | undefined;
  readonly extension: string | undefined;
  resultCode: number | undefined;
  entries: number | undefined;
}

interface LdapState {
  readonly answers: Map<number, LdapMessage>;
  readonly startTls: Set<number>;
  /** The client's last message id, and what it was when bytes of the server were lost: entries may be among them. */
  lastId: number;
  tornId: number;
  hasBound: boolean;
}

/** Operations that end in a plain result, and those that begin with the name of an entry. */
const RESULTS: ReadonlySet<number> = new Set([0x61, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f]);
const ENTRY_REQUESTS: ReadonlySet<number> = new Set([0x66, 0x68, 0x6c, 0x6e]);
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const ENUMERATED = 0x0a;
const OCTETS = 0x04;
const START_TLS = "1.3.6.1.4.1.1466.20037";
const MAX_OPEN = 1024;
const MAX_MESSAGE = 64 * 1024 * 1024;
/** So many bytes of a message are enough to read it. */
const READ_BYTES = 1024;

interface Head {
  readonly total: number;
  readonly id: number;
  readonly op: number;
  /** The operation's content. */
  readonly start: number;
}

function readHead(bytes: Uint8Array, at: number): Head | typeof NEED_MORE | typeof INVALID {
  if (bytes[at] !== undefined && bytes[at] !== SEQUENCE) return INVALID;
  const outer = berElement(bytes, at);
  if (outer === NEED_MORE || outer === INVALID) return outer;
  if (outer.end - at > MAX_MESSAGE) return INVALID;
  const id = berElement(bytes, outer.start);
  if (id === NEED_MORE) return NEED_MORE;
  if (id === INVALID || id.tag !== INTEGER || id.end - id.start > 4 || id.end - id.start < 1) return INVALID;
  const operation = berElement(bytes, id.end);
  if (operation === INVALID) return INVALID;
  const tag = bytes[id.end];
  if (tag !== undefined && !LDAP_OPERATIONS.has(tag)) return INVALID;
  if (operation === NEED_MORE || bytes.length < id.end) return NEED_MORE;
  if (operation.end > outer.end) return INVALID;
  let number = 0;
  for (let i = id.start; i < id.end; i++) number = number * 256 + bytes[i]!;
  return { total: outer.end - at, id: number, op: operation.tag, start: operation.start };
}

function readRequest(bytes: Uint8Array, { id, op, start }: Head): LdapMessage {
  const first = berElement(bytes, start);
  const content =
    typeof first === "object"
      ? utf8(bytes, first.start, Math.min(first.end, first.start + 256, bytes.length))
      : undefined;
  return {
    role: op === LdapOp.unbind || op === LdapOp.abandon ? MessageRole.oneWay : MessageRole.request,
    id,
    operation: op,
    baseDn: op === LdapOp.search ? content : undefined,
    extension: op === LdapOp.extended && /^[\d.]+$/.test(content ?? "") ? content : undefined,
    resultCode: undefined,
    entries: undefined,
  };
}

function resultCode(bytes: Uint8Array, { start }: Head): number | undefined {
  const code = berElement(bytes, start);
  return typeof code === "object" && code.tag === ENUMERATED && code.end <= bytes.length
    ? bytes[code.start]
    : undefined;
}

function parse(bytes: Uint8Array, sender: Sender, state: LdapState, sink: MessageSink<LdapMessage>): number {
  // A SASL security layer (RFC 4513 section 5.2.1.6, RFC 4422 section 3.7): what it wraps can't be read.
  if (bytes[0] === 0 && state.hasBound) {
    if (bytes.length < 4) return NEED_MORE;
    const size = uint32(bytes, 0);
    return size > MAX_MESSAGE ? INVALID : 4 + size;
  }
  const head = readHead(bytes, 0);
  if (head === NEED_MORE || head === INVALID) return head;
  if (bytes.length < Math.min(head.total, READ_BYTES)) return NEED_MORE;
  const { op, id, total } = head;
  const isRequest = LDAP_OPERATIONS.get(op)!.isRequest;
  if (isRequest !== (sender === Sender.client)) return INVALID;
  if (isRequest) {
    const message = readRequest(bytes, head);
    state.lastId = id;
    if (op === LdapOp.bind) state.hasBound = true;
    if (message.extension === START_TLS && state.startTls.size < MAX_OPEN) state.startTls.add(id);
    sink.message(message);
    return total;
  }
  // An unsolicited notification.
  if (id === 0) return total;
  const open = state.answers.get(id);
  const isPart = op === LdapOp.searchEntry || op === LdapOp.searchReference || op === LdapOp.intermediate;
  const message: LdapMessage = open ?? {
    role: MessageRole.response,
    id,
    operation: isPart ? LdapOp.searchDone : op,
    baseDn: undefined,
    extension: undefined,
    resultCode: undefined,
    entries: (isPart || op === LdapOp.searchDone) && id > state.tornId ? 0 : undefined,
  };
  if (op === LdapOp.searchEntry && message.entries !== undefined) message.entries++;
  if (isPart) {
    if (open !== undefined) return total;
    makeRoom(state.answers, MAX_OPEN);
    state.answers.set(id, message);
    sink.begin(message);
    return total;
  }
  message.resultCode = resultCode(bytes, head);
  state.answers.delete(id);
  if (open === undefined) sink.message(message);
  else sink.end(message);
  if (state.startTls.delete(id) && message.resultCode === 0) sink.upgrade("tls");
  return total;
}

function classify(bytes: Uint8Array): Recognition {
  const head = readHead(bytes, 0);
  if (head === INVALID) return Recognition.no;
  if (head === NEED_MORE) return Recognition.needMore;
  const { op, start } = head;
  if (bytes.length < start + 3)
    return head.total <= start + 2 && op !== LdapOp.unbind ? Recognition.no : Recognition.needMore;
  if (op === LdapOp.bind) {
    // Version 2 or 3.
    const isBind =
      bytes[start] === INTEGER && bytes[start + 1] === 1 && (bytes[start + 2] === 3 || bytes[start + 2] === 2);
    return isBind ? Recognition.request : Recognition.no;
  }
  if (op === LdapOp.search) {
    const base = berElement(bytes, start);
    if (base === NEED_MORE) return Recognition.needMore;
    if (base === INVALID || base.tag !== OCTETS) return Recognition.no;
    if (bytes.length < base.end + 6) return Recognition.needMore;
    // Scope and dereferencing: 0a 01 xx 0a 01 xx.
    const after = latin1(bytes, base.end, base.end + 6);
    return after[0] === "\n" && after[3] === "\n" && after.charCodeAt(1) === 1 && after.charCodeAt(4) === 1
      ? Recognition.request
      : Recognition.no;
  }
  if (op === LdapOp.extended) return bytes[start] === 0x80 ? Recognition.request : Recognition.no;
  if (RESULTS.has(op)) return isResult(bytes, start) ? Recognition.response : Recognition.no;
  if (ENTRY_REQUESTS.has(op)) return entryRequest(bytes, start);
  return Recognition.needMore;
}

/** Result code, matched name, message (RFC 4511 section 4.1.9). */
function isResult(bytes: Uint8Array, start: number): boolean {
  return bytes[start] === ENUMERATED && bytes[start + 1] === 1 && bytes[start + 2]! <= 123;
}

/** A distinguished name, and behind it a sequence, or the new name (RFC 4511 sections 4.6 to 4.10). */
function entryRequest(bytes: Uint8Array, start: number): Recognition {
  const name = berElement(bytes, start);
  if (name === NEED_MORE) return Recognition.needMore;
  if (name === INVALID || name.tag !== OCTETS || name.end - name.start > 1024) return Recognition.no;
  if (bytes.length <= name.end) return Recognition.needMore;
  const next = bytes[name.end];
  if (next !== SEQUENCE && next !== OCTETS) return Recognition.no;
  return /^(?:[A-Za-z][\w.-]*|[\d.]+) ?=/.test(latin1(bytes, name.start, Math.min(name.end, name.start + 40)))
    ? Recognition.request
    : Recognition.no;
}

export const ldap: Protocol<LdapMessage, LdapState> = {
  name: "ldap",
  networkProtocolName: "ldap",
  usualPorts: [389, 3268, 1389],
  resyncsAtCallStart: true,
  recognize: (bytes, hint) => (hint.transport === "tcp" ? agreed(classify(bytes), hint.sender) : Recognition.no),
  createState: () => ({ answers: new Map(), startTls: new Set(), lastId: 0, tornId: -1, hasBound: false }),
  parse,
  findBoundary(bytes, from, sender) {
    const head = readHead(bytes, from);
    if (head === NEED_MORE || head === INVALID) return -1;
    return LDAP_OPERATIONS.get(head.op)!.isRequest === (sender === Sender.client) ? from : -1;
  },
  resync(state, sender) {
    if (sender === Sender.client) {
      state.startTls.clear();
      return;
    }
    state.tornId = state.lastId;
    for (const message of state.answers.values()) message.entries = undefined;
  },
  describe(session) {
    const { request, response } = session;
    if (request === undefined || request.role === MessageRole.oneWay) return undefined;
    const name = LDAP_OPERATIONS.get(request.operation)!.name;
    const attributes: Attribute[] = [];
    if (request.baseDn) attributes.push(["db.collection.name", request.baseDn]);
    if (request.extension !== undefined) attributes.push(["sockspan.ldap.extension", request.extension]);
    attributes.push(...returnedRows(session, response?.entries));
    const code = response?.resultCode;
    // Compare answers with false (5) or true (6); a SASL bind goes on with 14.
    const hasFailed = code !== undefined && code !== 0 && code !== 5 && code !== 6 && code !== 14;
    return describeDatabase(session, {
      system: "ldap",
      command: name,
      attributes,
      errorCode: hasFailed ? String(code) : undefined,
      errorType: hasFailed ? (LDAP_RESULTS.get(code) ?? String(code)) : undefined,
    });
  },
};
