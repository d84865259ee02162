/**
 * Byte pipes over `Deno.connect`.
 *
 * TCP takes the permission `--allow-net=host:port`, a UNIX socket `--allow-read=path` and
 * `--allow-write=path`.
 *
 * @module
 */

import {
  type Address,
  brokenError,
  connectError,
  type ConnectOptions,
  peerName,
  type TlsOptions,
  tlsUnsupported,
  type Transport,
  type TransportErrorCode,
} from "./transport.ts";

export {
  type Address,
  type ConnectOptions,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";

/**
 * Connects to a TCP port or a UNIX socket. Rejects with a `TransportError`.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire/transports/deno";
 *
 * await using transport = await connect({ transport: "tcp", hostname: "127.0.0.1", port: 24245 });
 * await transport.write(new TextEncoder().encode("VERSION\tdoveadm-server\t1\t4\n"));
 * console.log(await transport.read());
 * ```
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  const { signal } = options;
  if (signal?.aborted) throw connectError("aborted", address, signal.reason);
  try {
    if (address.transport === "tcp") {
      const { hostname, port } = address;
      const conn = await Deno.connect({ transport: "tcp", hostname, port, signal });
      conn.setNoDelay(true);
      return new DenoTransport(conn, peerName(address));
    }
    const conn = await Deno.connect({ transport: "unix", path: address.path });
    // A UNIX socket knows no signal; what it gave up on meanwhile is closed here.
    if (signal?.aborted) {
      conn.close();
      throw signal.reason;
    }
    return new DenoTransport(conn, peerName(address));
  } catch (error) {
    const code = signal?.aborted ? "aborted" : codeOf(error);
    throw connectError(code, address, error, flagFor(error, address));
  }
}

/** How much is read at once at most, in bytes. */
const readSize = 65_536;

/** With less room than this a new buffer is taken for the next read, in bytes. */
const leastRoom = 16_384;

class DenoTransport implements Transport {
  readonly peer: string;
  #conn: Deno.Conn;
  #closed = false;
  #buffer = new Uint8Array(0);
  /** The system tells of a reset only once, and then of an end. */
  #reset: unknown;

  constructor(conn: Deno.Conn, peer: string) {
    this.#conn = conn;
    this.peer = peer;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#closed) throw brokenError("closed", this.peer);
    // What was read is given away, what is behind it takes the next read.
    if (this.#buffer.length < leastRoom) this.#buffer = new Uint8Array(readSize);
    const buffer = this.#buffer;
    let size: number | null;
    try {
      size = await this.#conn.read(buffer);
    } catch (error) {
      throw this.#broken(error);
    }
    if (this.#closed) throw brokenError("closed", this.peer);
    if (size === null) {
      if (this.#reset !== undefined) throw this.#broken(this.#reset);
      return undefined;
    }
    this.#buffer = buffer.subarray(size);
    return buffer.subarray(0, size);
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < chunk.length;) at += await this.#conn.write(chunk.subarray(at));
    } catch (error) {
      throw this.#broken(error);
    }
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#conn.closeWrite();
    } catch (error) {
      throw this.#broken(error);
    }
  }

  startTls(_options: TlsOptions): Promise<Transport> {
    return Promise.reject(tlsUnsupported(this.peer));
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#conn.close();
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #broken(error: unknown): Error {
    if (error instanceof Deno.errors.ConnectionReset) this.#reset = error;
    return brokenError(this.#closed ? "closed" : codeOf(error), this.peer, error);
  }
}

function codeOf(error: unknown): TransportErrorCode {
  if (error instanceof Deno.errors.ConnectionRefused) return "refused";
  if (error instanceof Deno.errors.NotFound) return "not-found";
  if (error instanceof Deno.errors.PermissionDenied) return "denied";
  if (error instanceof Deno.errors.NotCapable) return "denied";
  if (error instanceof Deno.errors.ConnectionReset) return "reset";
  if (error instanceof Deno.errors.BrokenPipe) return "reset";
  if (error instanceof Deno.errors.ConnectionAborted) return "reset";
  if (error instanceof Deno.errors.Interrupted) return "closed";
  if (error instanceof Deno.errors.BadResource) return "closed";
  if (error instanceof Error && /failed to lookup address/.test(error.message)) return "not-found";
  if (error instanceof Error && /unreachable/i.test(error.message)) return "unreachable";
  return "other";
}

/** Which of Deno's permissions is missing, if that is what went wrong. */
function flagFor(error: unknown, address: Address): string | undefined {
  if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  const flags = address.transport === "unix"
    ? `--allow-read=${address.path} and --allow-write=${address.path}`
    : `--allow-net=${address.hostname}:${address.port}`;
  return `Deno doesn't permit it. Add ${flags}.`;
}
