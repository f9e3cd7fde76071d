/** The one list of protocols: strong ones (that can't be mistaken) first. */
import { ajp } from "./ajp/ajp.ts";
import { amqp10 } from "./amqp10/amqp10.ts";
import { amqp091 } from "./amqp091/amqp091.ts";
import { brpc } from "./brpc.ts";
import { cassandra } from "./cassandra/cassandra.ts";
import { clickhouse } from "./clickhouse/clickhouse.ts";
import { dns } from "./dns/dns.ts";
import { dnsTcp } from "./dns/dns-tcp.ts";
import { dubbo } from "./dubbo/dubbo.ts";
import { fastcgi } from "./fastcgi/fastcgi.ts";
import { http1, http1WithBodies } from "./http1/http1.ts";
import { http2 } from "./http2/http2.ts";
import { kafka } from "./kafka/kafka.ts";
import { krpc } from "./krpc.ts";
import { ldap } from "./ldap/ldap.ts";
import { memcached } from "./memcached/memcached.ts";
import { mongodb } from "./mongodb/mongodb.ts";
import { mqtt } from "./mqtt/mqtt.ts";
import { mysql } from "./mysql/mysql.ts";
import { nats } from "./nats.ts";
import { openwire } from "./openwire/openwire.ts";
import { oracle } from "./oracle/oracle.ts";
import { postgresql } from "./postgresql/postgresql.ts";
import type { Message, Protocol } from "./protocol.ts";
import { proxyProtocol } from "./proxy-protocol.ts";
import { pulsar } from "./pulsar/pulsar.ts";
import { redis } from "./redis/redis.ts";
import { rocketmq } from "./rocketmq/rocketmq.ts";
import { smtp } from "./smtp.ts";
import { sofarpc } from "./sofarpc.ts";
import { someIp, someIpTcp } from "./some-ip.ts";
import { stomp } from "./stomp.ts";
import { tars } from "./tars/tars.ts";
import { tds } from "./tds/tds.ts";
import { thrift } from "./thrift/thrift.ts";
import { tls } from "./tls/tls.ts";
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
