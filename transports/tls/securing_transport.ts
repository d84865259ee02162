/**
 * TLS from the first byte, for connections and listeners of any adapter that has `startTls()`.
 *
 * @module
 */

import { settingsOf } from "./tls.ts";
import {
  type Address,
  connectError,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  peerName,
  type TlsOptions,
  type Transport,
} from "../transport.ts";

/**
 * Starts TLS on a new connection if the options ask for it. Closes the connection if that fails or is
 * aborted.
 */
export async function securedFor(
  address: Address,
  transport: Transport,
  { signal, tls }: ConnectOptions,
): Promise<Transport> {
  if (tls === undefined) return transport;
  const abort = () => void transport.close();
  signal?.addEventListener("abort", abort);
  // It may have aborted since the connection opened.
  if (signal?.aborted) abort();
  try {
    const secured = await transport.startTls(tls);
    signal?.throwIfAborted();
    return secured;
  } catch (error) {
    await transport.close();
    throw signal?.aborted ? connectError("aborted", address, signal.reason) : error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** A listener whose clients are encrypted if the options ask for it; throws for invalid options. */
export function securedListener(listener: Listener, { tls }: ListenOptions): Listener {
  return tls === undefined ? listener : new SecuringListener(listener, tls);
}

/** Refuses invalid options before anything listens. */
export function checkListenOptions(address: Address, { tls }: ListenOptions): void {
  if (tls !== undefined) settingsOf(tls, { side: "server" }, `clients of ${peerName(address)}`);
}

class SecuringListener implements Listener {
  readonly address: Address;
  #listener: Listener;
  #tls: TlsOptions;

  constructor(listener: Listener, tls: TlsOptions) {
    this.#listener = listener;
    this.#tls = tls;
    this.address = listener.address;
  }

  async accept(): Promise<Transport | undefined> {
    const transport = await this.#listener.accept();
    return transport === undefined ? undefined : new SecuringTransport(transport, this.#tls);
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A transport that can be used before its handshake is done: reads and writes wait for that. */
class SecuringTransport implements Transport {
  readonly peer: string;
  #transport: Transport;
  #secured: Promise<Transport>;

  constructor(transport: Transport, tls: TlsOptions) {
    this.peer = transport.peer;
    this.#transport = transport;
    this.#secured = transport.startTls(tls);
    // If the handshake fails, reads and writes reject with its error.
    this.#secured.then((secured) => {
      this.#transport = secured;
    }, () => {});
  }

  async read(): Promise<Uint8Array | undefined> {
    return await (await this.#secured).read();
  }

  async write(chunk: Uint8Array): Promise<void> {
    await (await this.#secured).write(chunk);
  }

  async closeWrite(): Promise<void> {
    await (await this.#secured).closeWrite();
  }

  async startTls(options: TlsOptions, received?: Uint8Array): Promise<Transport> {
    return await (await this.#secured).startTls(options, received);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
