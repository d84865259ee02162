/**
 * The addresses by which clients are counted.
 *
 * @module
 */

/**
 * The address of a TCP peer, by its transport's name for it, without the port; for IPv6 its first 64 bits, since
 * one subscriber has all addresses of such a prefix. `undefined` for a peer of another kind.
 */
export function networkAddress(peer: string): string | undefined {
  const found = /^(?:a client of )?tcp (?:\[(.*)\]|(.*)):\d+$/.exec(peer);
  if (found === null) return undefined;
  const [, ipv6, other] = found;
  return ipv6 === undefined ? other : networkOf(ipv6);
}

/** The first 64 bits of an IPv6 address; for an IPv4-mapped address, the IPv4 address. */
function networkOf(address: string): string {
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (ipv4 !== null) return ipv4[1];
  const [head, tail] = address.toLowerCase().split("%")[0].split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":");
}
