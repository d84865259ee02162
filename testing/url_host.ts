/**
 * The host and port of a server in a URL.
 *
 * @module
 */

import { type Address, peerName } from "../transports/transport.ts";

/** The addresses that stand for all of a machine's when a server listens, and one of these to connect to. */
const loopbacks: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** The host and port of a TCP address, to connect to from this machine: "127.0.0.1:40123", "[::1]:40123". */
export function urlHost(address: Address & { readonly transport: "tcp" }): string {
  const { hostname: given } = address;
  const hostname = Object.hasOwn(loopbacks, given) ? loopbacks[given] : given;
  return peerName({ ...address, hostname }).slice("tcp ".length);
}
