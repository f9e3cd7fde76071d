/** `trust_context`: from which networks a request's trace context is believed. */
import { BlockList, isIP, isIPv6 } from "node:net";
import { formatAddress, isPrivate } from "../mapping/address.ts";

const WORDS: readonly string[] = ["private", "all", "none"];

export function isNetwork(text: string): boolean {
  if (WORDS.includes(text)) return true;
  const [address = "", prefix, ...rest] = text.split("/");
  if (isIP(address) === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv6(address) ? 128 : 32));
}

/** @param networks words and ranges that `isNetwork` has accepted */
export function trustedNetworks(networks: readonly string[]): (address: Uint8Array) => boolean {
  if (networks.includes("all")) return () => true;
  const trustsPrivate = networks.includes("private");
  const ranges = new BlockList();
  for (const network of networks) {
    if (WORDS.includes(network)) continue;
    const [address = "", prefix] = network.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (prefix === undefined) ranges.addAddress(address, family);
    else ranges.addSubnet(address, Number(prefix), family);
  }
  return (address) => {
    if (trustsPrivate && isPrivate(address)) return true;
    const text = formatAddress(address);
    return ranges.check(text, text.includes(":") ? "ipv6" : "ipv4");
  };
}
