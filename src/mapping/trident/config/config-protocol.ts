/** Protocol names as the agents' configuration writes them. */

const NUMBERS: ReadonlyMap<string, readonly number[]> = new Map([
  ["http", [20]],
  ["http2", [21, 41, 49]],
  ["grpc", [41]],
  ["dubbo", [40]],
  ["sofarpc", [43]],
  ["fastcgi", [44]],
  ["brpc", [45]],
  ["tars", [46]],
  ["someip", [47]],
  ["iso8583", [48]],
  ["triple", [49]],
  ["netsign", [50]],
  ["mysql", [60]],
  ["postgresql", [61]],
  ["oracle", [62]],
  ["dameng", [63]],
  ["redis", [80]],
  ["mongodb", [81]],
  ["memcached", [82]],
  ["kafka", [100]],
  ["mqtt", [101]],
  ["amqp", [102]],
  ["openwire", [103]],
  ["nats", [104]],
  ["pulsar", [105]],
  ["zmtp", [106]],
  ["rocketmq", [107]],
  ["webspheremq", [108]],
  ["dns", [120]],
  ["tls", [121]],
  ["ping", [122]],
  ["custom", [127]],
]);

/** Empty: a name that we don't know. */
export function protocolByConfigName(name: string): readonly number[] {
  return NUMBERS.get(name.toLowerCase().replace(/[^a-z0-9]/g, "")) ?? [];
}
