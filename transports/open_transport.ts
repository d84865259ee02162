/**
 * Opens a transport by a function of the caller.
 *
 * @module
 */

import { TimeoutError } from "../core/errors.ts";
import { errorOfOption } from "../core/option_checks.ts";
import { checkReturned } from "./address_checks.ts";
import { Deadline, startTimer } from "./timers.ts";
import {
  type Address,
  type Connector,
  peerName,
  type TlsOptions,
  type Transport,
} from "./transport.ts";

/** How long a connector may take to end once its signal has aborted, in milliseconds. */
const longestEnd = 100;

/** Options for {@linkcode openTransport}. */
export interface OpenTransportOptions {
  /** How long connecting may take, in milliseconds, as `timeLimit` returns it. */
  readonly connectTimeout: number;
  /** Aborts connecting. */
  readonly signal?: AbortSignal;
  /** Encrypts from the first byte. */
  readonly tls?: TlsOptions;
}

/**
 * Opens a transport. Rejects with the connector's error, with a `TimeoutError`, or with the signal's reason, also if
 * the connector ignores its signal: what that opens later is closed. A connector that heeds it is waited for, so that
 * nothing of it is left.
 */
export async function openTransport(
  connector: Connector,
  address: Address,
  { connectTimeout, signal, tls }: OpenTransportOptions,
): Promise<Transport> {
  let end: (error: unknown) => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    end = reject;
  });
  let grace = startTimer(Infinity, () => {});
  const deadline = new Deadline({
    timeout: connectTimeout,
    signals: [signal],
    errorOf: (aborted) => aborted?.reason ?? connectTimeoutError(address, connectTimeout),
    onEnd: (error) => {
      grace = startTimer(longestEnd, () => end(error));
    },
  });
  const options = { signal: deadline.signal, ...(tls === undefined ? {} : { tls }) };
  try {
    return await Promise.race([open(connector, address, options), ended]);
  } catch (error) {
    throw deadline.error ?? error;
  } finally {
    deadline.stop();
    grace.stop();
  }
}

async function open(
  connector: Connector,
  address: Address,
  options: { readonly signal: AbortSignal; readonly tls?: TlsOptions },
): Promise<Transport> {
  let transport: unknown;
  try {
    transport = await connector(address, options);
  } catch (error) {
    throw errorOfOption("connector", error);
  }
  checkReturned("connector", transport);
  // Nobody waits for it any more.
  if (options.signal.aborted) {
    await transport.close();
    throw options.signal.reason;
  }
  return transport;
}

function connectTimeoutError(address: Address, timeout: number): TimeoutError {
  return new TimeoutError(
    "connect",
    `Connecting to ${peerName(address)} took more than ${timeout} ms. Check the address, the ` +
      "firewall, and that the server still accepts connections.",
  );
}
