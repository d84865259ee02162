/**
 * Checks of what callers pass to open transports and listeners: what a runtime says of a value of another type
 * differs, and some of it is an uncaught error.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import { checkOptions, shownValue } from "../core/option_checks.ts";
import type {
  Address,
  ConnectOptions,
  Listener,
  ListenOptions,
  TlsOptions,
  Transport,
} from "./transport.ts";

/**
 * Throws a `LocalProtocolError` for what is no address, and for options of other types. That the system has no such
 * port is a `TransportError`.
 */
export function checkAddress(address: Address, options: ConnectOptions | ListenOptions): void {
  checkOptions(options, { objects: ["tls"] });
  checkTlsOptions(options.tls);
  const { transport, path, hostname, port } = (address ?? {}) as Readonly<Record<string, unknown>>;
  if (transport === "unix") {
    // At a NUL after the first character, which begins an abstract name on Linux, Bun would cut the path.
    if (typeof path === "string" && path !== "" && path.lastIndexOf("\0") < 1) return;
    throw new LocalProtocolError(
      `The address's "path" is ${shownValue(path)}. Set it to the path of a UNIX socket.`,
    );
  }
  if (transport !== "tcp") {
    throw new LocalProtocolError(
      `The address's "transport" is ${shownValue(transport)}. Set it to "tcp" or "unix".`,
    );
  }
  // Node takes an empty name for all of the machine's addresses.
  if (typeof hostname !== "string" || hostname === "" || hostname.includes("\0")) {
    throw new LocalProtocolError(
      `The address's "hostname" is ${shownValue(hostname)}. Set it to a name or an IP address.`,
    );
  }
  checkHostname(hostname);
  if (Number.isInteger(port) && Number(port) >= 0) return;
  throw new LocalProtocolError(
    `The address's "port" is ${shownValue(port)}. Set it to a number up to 65535.`,
  );
}

/**
 * Throws a `LocalProtocolError` for a URL, or a name and password, in place of a host's name. The error doesn't
 * show it, since it may have a password.
 */
export function checkHostname(hostname: string): void {
  if (!/[/@]/.test(hostname)) return;
  throw new LocalProtocolError(
    'The "hostname" has a "/" or an "@", which is in no host\'s name. Set it to a name or an IP address alone.',
  );
}

/**
 * Throws a `LocalProtocolError` for options of TLS of other types, such as a CA outside of an array. A certificate and
 * a key may be bytes, too, where the runtime takes them.
 */
export function checkTlsOptions(tls: TlsOptions = {}): void {
  checkOptions(tls, {
    texts: ["serverName"],
    arrays: ["caCerts", "alpnProtocols"],
    booleans: ["dangerouslyTrustAnyCertificate"],
  });
}

/** Throws a `LocalProtocolError` for what is no listener, as far as that can be seen. */
export function checkListener(value: Listener): void {
  if (hasMethods(value, ["accept", "close"])) return;
  throw new LocalProtocolError(
    "The listener is none. Pass what listen() of a runtime's transports returns, awaited.",
  );
}

/** Throws a `LocalProtocolError` for what is no transport, as far as that can be seen. */
export function checkTransport(value: Transport): void {
  if (isTransport(value)) return;
  throw new LocalProtocolError(
    "The transport is none. Pass what connect() of a runtime's transports returns, awaited.",
  );
}

/** Throws a `LocalProtocolError` unless a caller's function returned a transport. */
export function checkReturned(option: string, value: unknown): asserts value is Transport {
  if (isTransport(value)) return;
  throw new LocalProtocolError(
    `"${option}" returned something else than a transport. Return what connect() of a runtime's transports does.`,
  );
}

function isTransport(value: unknown): value is Transport {
  return hasMethods(value, ["read", "write", "close"]);
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  const methods = (value ?? {}) as Readonly<Record<string, unknown>>;
  return names.every((name) => typeof methods[name] === "function");
}
