/**
 * IP addresses and ranges of them for "who" and "kick".
 *
 * @module
 */

/** A range of IP addresses. */
export interface IpRange {
  /** An address of the range: 4 or 16 bytes. */
  readonly address: readonly number[];
  /** The length of the common prefix, in bits. */
  readonly bits: number;
}

/** A range of addresses ("192.0.2.0/24", "::1"); `undefined` for an invalid text. */
export function parseIpRange(text: string): IpRange | undefined {
  const slash = text.indexOf("/");
  const address = parseIp(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const size = address.length * 8;
  if (slash === -1) return { address, bits: size };
  const bits = text.slice(slash + 1);
  return /^\d+$/.test(bits) && Number(bits) <= size ? { address, bits: Number(bits) } : undefined;
}

/** Whether an address is in a range; an IPv4 address may be written as an IPv6 one. */
export function isInRange(ip: string, { address: wanted, bits }: IpRange): boolean {
  const address = parseIp(ip);
  if (address === undefined) return false;
  const isMapped = address.length === 16 && address.slice(0, 10).every((byte) => byte === 0) &&
    address[10] === 0xff && address[11] === 0xff;
  const bytes = isMapped ? address.slice(12) : address;
  if (bytes.length !== wanted.length) return false;
  return bytes.every((byte, at) => {
    const mask = 0xff << Math.min(8, Math.max(0, (at + 1) * 8 - bits));
    return (byte & mask) === (wanted[at] & mask);
  });
}

/** The bytes of an address, as URLs write it, which inet_aton() and inet_pton() accept. */
function parseIp(text: string): readonly number[] | undefined {
  const isIpv6 = text.includes(":");
  if (!(isIpv6 ? /^\[?[\da-f:.]+\]?$/i : /^[\dxa-f.]+$/i).test(text)) return undefined;
  let host: string;
  try {
    host =
      new URL(isIpv6 ? `http://[${text.replaceAll(/[[\]]/g, "")}]` : `http://${text}`).hostname;
  } catch {
    return undefined;
  }
  if (!isIpv6) return /^[\d.]+$/.test(host) ? host.split(".").map(Number) : undefined;
  const [head, tail] = host.slice(1, -1).split("::").map((part) =>
    part === "" ? [] : part.split(":").map((group) => parseInt(group, 16))
  );
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array<number>(zeros).fill(0), ...tail ?? []];
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}
