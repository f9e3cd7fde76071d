/** The one list of protocols: strong ones (that can't be mistaken) first. */
import { ajp } from "./ajp.ts";
import { amqp10 } from "./amqp10.ts";
import { amqp091 } from "./amqp091.ts";
import { brpc } from "./brpc.ts";
import { cassandra } from "./cassandra.ts";
import { clickhouse } from "./clickhouse.ts";
import { dns, dnsTcp } from "./dns.ts";
import { dubbo } from "./dubbo.ts";
import { fastcgi } from "./fastcgi.ts";
import { http1, http1WithBodies } from "./http1.ts";
import { http2 } from "./http2.ts";
import { kafka } from "./kafka.ts";
import { krpc } from "./krpc.ts";
import { ldap } from "./ldap.ts";
import { memcached } from "./memcached.ts";
import { mongodb } from "./mongodb.ts";
import { mqtt } from "./mqtt.ts";
import { mysql } from "./mysql.ts";
import { nats } from "./nats.ts";
import { openwire } from "./openwire.ts";
import { oracle } from "./oracle.ts";
import { postgresql } from "./postgresql.ts";
import type { Message, Protocol } from "./protocol.ts";
import { proxyProtocol } from "./proxy-protocol.ts";
import { pulsar } from "./pulsar.ts";
import { redis } from "./redis.ts";
import { rocketmq } from "./rocketmq.ts";
import { smtp } from "./smtp.ts";
import { sofarpc } from "./sofarpc.ts";
import { someIp, someIpTcp } from "./some-ip.ts";
import { stomp } from "./stomp.ts";
import { tars } from "./tars.ts";
import { tds } from "./tds.ts";
import { thrift } from "./thrift.ts";
import { tls } from "./tls.ts";
import { uwsgi } from "./uwsgi.ts";
import { websocket } from "./websocket.ts";
import { zmtp } from "./zmtp.ts";

/** A protocol whose message and state types only its own file knows. */
// biome-ignore lint/suspicious/noExplicitAny: each protocol has its own message and state types, and only meets its own
export type AnyProtocol = Protocol<any, any>;
export type AnyMessage = Message;

export const PROTOCOLS: readonly AnyProtocol[] = [
  http1,
  http2,
  redis,
  mysql,
  postgresql,
  kafka,
  mongodb,
  memcached,
  amqp091,
  amqp10,
  mqtt,
  nats,
  dns,
  dnsTcp,
  websocket,
  tls,
  proxyProtocol,
  brpc,
  krpc,
  tars,
  sofarpc,
  someIp,
  someIpTcp,
  dubbo,
  rocketmq,
  pulsar,
  fastcgi,
  ajp,
  uwsgi,
  zmtp,
  openwire,
  cassandra,
  clickhouse,
  tds,
  oracle,
  stomp,
  smtp,
  thrift,
  ldap,
];

/** With the calls that HTTP bodies carry. */
export function withHttpRpc(protocols: readonly AnyProtocol[]): readonly AnyProtocol[] {
  return protocols.map((protocol) => (protocol === http1 ? http1WithBodies : protocol));
}

/** @param names registry names; undefined: all */
export function protocolsNamed(names: readonly string[] | undefined): readonly AnyProtocol[] {
  return names === undefined ? PROTOCOLS : PROTOCOLS.filter((protocol) => names.includes(protocol.name));
}
