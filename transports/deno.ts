/**
 * Byte pipes over `Deno.connect` and `Deno.listen`, and processes over `node:child_process`.
 *
 * Permissions:
 *
 * - TCP: `--allow-net=host:port`
 * - to connect to a UNIX socket: `--allow-read=path`, `--allow-write=path` and `--allow-net=unix:path`;
 *   versions of Deno that don't know that form need no `--allow-net`
 * - to listen at a UNIX socket: `--allow-read=folder`, `--allow-write=folder` and `--allow-net` without a
 *   list: Deno permits sockets path by path, and this one has a random temporary name until its file has
 *   its mode
 * - to start a process: `--allow-run=program` and `--allow-env`, of which `NODE_V8_COVERAGE` is enough
 *   where `env` is given
 * - to use this process's stdin and stdout: none
 *
 * TLS needs no more. It is Deno's `node:tls` over a connection of `Deno.connect`: `Deno.startTls` trusts
 * the given CAs in addition to the runtime's, not instead, and has no server side, no client certificates
 * and no UNIX sockets. Deno doesn't distinguish an expired certificate from one of an unknown CA. An end of
 * TCP without close_notify reads as an end: the protocol reports a truncated conversation.
 *
 * @module
 */

import { dirname } from "node:path";
import { plainBytes } from "../core/bytes.ts";
import { checkAddress } from "./address_checks.ts";
import { ReadBuffers } from "./read_buffers.ts";
import { checkListenOptions, securedFor, securedListener } from "./tls/securing_transport.ts";
import {
  promisedRead,
  type Read,
  readFor,
  type ReadReceiver,
  type ReceivedTransport,
} from "./pending_read.ts";
import { bindSocketFile, type SocketFile } from "./socket_file.ts";
import { busyError, clientOf, isExposedAs, supersededError, type TlsRole } from "./tls/tls.ts";
import {
  type Address,
  brokenError,
  clientName,
  codeOfSystemError,
  connectError,
  type ConnectOptions,
  endedError,
  listenBacklog,
  type Listener,
  listenError,
  type ListenOptions,
  peerName,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";

export {
  type Address,
  type ChildProcess,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type SpawnOptions,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";
export { type ExitStatus } from "../core/exit_status.ts";
export type {
  HttpCloseOptions,
  HttpListener,
  HttpPlace,
  HttpResponder,
} from "./http/http_listener.ts";
export { listenHttp } from "./http/listen_http.ts";
export { spawn } from "./process/child_process.ts";
export { stdio } from "./process/stdio.ts";

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
  checkAddress(address, options);
  return await securedFor(address, await connectPlain(address, options), options);
}

async function connectPlain(
  address: Address,
  { signal }: ConnectOptions,
): Promise<DenoTransport> {
  if (signal?.aborted) throw connectError("aborted", address, signal.reason);
  try {
    if (address.transport === "tcp") {
      const { hostname, port } = address;
      const conn = await Deno.connect({ transport: "tcp", hostname, port, signal });
      conn.setNoDelay(true);
      return new DenoTransport(conn, peerName(address), clientOf(address));
    }
    const conn = await Deno.connect({ transport: "unix", path: address.path });
    // Connecting to a UNIX socket takes no signal: if that has aborted meanwhile, the socket is closed
    // here.
    if (signal?.aborted) {
      conn.close();
      throw signal.reason;
    }
    return new DenoTransport(conn, peerName(address), clientOf(address));
  } catch (error) {
    const code = signal?.aborted ? "aborted" : codeOf(error);
    throw connectError(code, address, error, flagsToConnect(error, address));
  }
}

/**
 * Listens at a TCP port, 0 for any that is free, or at a UNIX socket. Rejects with a `TransportError`.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@dovewire/dovewire/transports/deno";
 * import assert from "node:assert/strict";
 *
 * await using listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
 * await using client = await connect(listener.address);
 * await using server = await listener.accept();
 * await client.write(Uint8Array.of(1, 2));
 * assert.deepEqual(await server?.read(), Uint8Array.of(1, 2));
 * ```
 */
export async function listen(address: Address, options: ListenOptions = {}): Promise<Listener> {
  checkAddress(address, options);
  checkListenOptions(address, options);
  try {
    if (address.transport === "tcp") {
      const { hostname, port } = address;
      const listener = Deno.listen({
        ...{ transport: "tcp", hostname, port },
        tcpBacklog: listenBacklog,
      });
      const bound = addressOf(listener.addr) ?? address;
      return securedListener(new DenoListener(listener, bound, undefined), options);
    }
    const { bound, file } = await bindSocketFile(address, options.mode ?? 0o600, {
      bind: (path) => Deno.listen({ transport: "unix", path }),
      unbind: (listener) => listener.close(),
      connect,
    });
    return securedListener(new DenoListener(bound, address, file), options);
  } catch (error) {
    if (error instanceof TransportError) throw error;
    throw listenError(codeOf(error), address, error, flagsToListen(error, address));
  }
}

/** How long to wait when the system has no room for another client, in milliseconds. */
const pauseTime = 100;

class DenoListener implements Listener {
  readonly address: Address;
  #listener: Deno.TcpListener | Deno.UnixListener;
  #file: SocketFile | undefined;
  #closed = false;
  /** The last call that waits for a client. */
  #last: Promise<unknown> = Promise.resolve();
  #endPause: (() => void) | undefined;

  constructor(
    listener: Deno.TcpListener | Deno.UnixListener,
    address: Address,
    file: SocketFile | undefined,
  ) {
    this.#listener = listener;
    this.address = address;
    this.#file = file;
  }

  accept(): Promise<Transport | undefined> {
    // Deno serves one accept() at a time, and throws "busy" for the others.
    const accepted = this.#last.then(() => this.#accept());
    this.#last = accepted;
    return accepted;
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#file?.remove();
      this.#listener.close();
      this.#endPause?.();
    }
    // The socket is closed when no call waits any more.
    await this.#last;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #accept(): Promise<Transport | undefined> {
    while (!this.#closed) {
      const conn = await this.#next();
      if (conn === undefined) continue;
      if (!this.#closed) {
        const peer = clientName(addressOf(conn.remoteAddr), this.address);
        return new DenoTransport(conn, peer, { side: "server" });
      }
      conn.close();
    }
    return undefined;
  }

  /** The next client, or `undefined` if it was lost on the way. */
  async #next(): Promise<Deno.Conn | undefined> {
    try {
      const conn = await this.#listener.accept();
      if ("setNoDelay" in conn) sendAtOnce(conn);
      return conn;
    } catch (error) {
      if (!isOfClient(error)) await this.#pause();
      return undefined;
    }
  }

  /** Waits before the next try, so that a system that is short of resources can recover. */
  #pause(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseTime);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Whether accept() failed for one client that is gone, so that the next one can be accepted at once. */
function isOfClient(error: unknown): boolean {
  const { ConnectionAborted, ConnectionReset, NotConnected } = Deno.errors;
  // What was reset while it waited isn't connected.
  return [ConnectionAborted, ConnectionReset, NotConnected].some((kind) => error instanceof kind);
}

/** Turns off Nagle's algorithm. */
function sendAtOnce(conn: Deno.TcpConn): void {
  try {
    conn.setNoDelay(true);
  } catch {
    // Some systems refuse this for a client that is gone already. Reading from it reports that.
  }
}

/** An end of a TCP connection; those of a UNIX socket have no useful names. */
function addressOf(end: Deno.Addr): Address | undefined {
  if (end.transport !== "tcp") return undefined;
  return { transport: "tcp", hostname: end.hostname, port: end.port };
}

class DenoTransport implements ReceivedTransport {
  readonly peer: string;
  #conn: Deno.Conn;
  #role: TlsRole;
  /** "superseded" once the connection is encrypted and used by another transport. */
  #state: "open" | "superseded" | "closed" = "open";
  #underWay = 0;
  /** Settled when the output has ended; `undefined` before closeWrite(). */
  #ended: Promise<void> | undefined;
  #hungUp = false;
  /** The encrypted transport that replaces this one. */
  #secured: Transport | undefined;
  readonly #buffers = new ReadBuffers();
  /** The system reports a reset only once, and after that an end. */
  #reset: unknown;

  constructor(conn: Deno.Conn, peer: string, role: TlsRole) {
    this.#conn = conn;
    this.peer = peer;
    this.#role = role;
  }

  get isExposed(): boolean | undefined {
    return isExposedAs(this.#role);
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#state === "superseded" ? this.#refuse() : this.#read();
  }

  [readFor](receiver: ReadReceiver): void {
    if (this.#state === "superseded") receiver.receive({ error: supersededError(this.peer) });
    else this.#readFor(receiver);
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#state === "superseded" ? this.#refuse() : this.#write(chunk);
  }

  closeWrite(): Promise<void> {
    return this.#state === "superseded" ? this.#refuse() : this.#closeWrite();
  }

  async startTls(options: TlsOptions, received?: Uint8Array): Promise<Transport> {
    try {
      if (this.#state === "closed") throw brokenError("closed", this.peer);
      if (this.#state === "superseded") throw supersededError(this.peer);
      if (this.#underWay > 0) throw busyError(this.peer);
      this.#state = "superseded";
      const { startTlsOver } = await import("./tls/tls_over_transport.ts");
      // What was sent unencrypted after the upgrade is still in the kernel: the handshake reads it and
      // fails.
      const transport = {
        peer: this.peer,
        read: () => this.#read(),
        write: (chunk: Uint8Array) => this.#write(chunk),
        closeWrite: () => this.#closeWrite(),
        close: () => {
          this.#hangUp();
          return Promise.resolve();
        },
      };
      this.#secured = await startTlsOver(transport, this.#role, options, received);
      if (this.#isClosed()) await this.#secured.close();
      return this.#secured;
    } catch (error) {
      const wasClosed = this.#isClosed();
      await this.close();
      throw wasClosed ? brokenError("closed", this.peer, error) : error;
    }
  }

  async close(): Promise<void> {
    this.#state = "closed";
    await this.#secured?.close();
    this.#hangUp();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refuse(): Promise<never> {
    return Promise.reject(supersededError(this.peer));
  }

  #read(): Promise<Uint8Array | undefined> {
    return promisedRead((receiver) => this.#readFor(receiver));
  }

  #readFor(receiver: ReadReceiver): void {
    if (this.#state === "closed") {
      receiver.receive({ error: brokenError("closed", this.peer) });
      return;
    }
    const buffer = this.#buffers.take();
    this.#underWay++;
    this.#conn.read(buffer).then(
      (size) => receiver.receive(this.#outcome(buffer, size)),
      (error) => {
        this.#underWay--;
        receiver.receive({ error: this.#broken(error) });
      },
    );
  }

  /** The outcome of a read that didn't fail; `null` for the end. */
  #outcome(buffer: Uint8Array<ArrayBuffer>, size: number | null): Read {
    this.#underWay--;
    if (this.#isClosed()) return { error: brokenError("closed", this.peer) };
    if (size === null) {
      return this.#reset === undefined ? { end: true } : { error: this.#broken(this.#reset) };
    }
    return { chunk: this.#buffers.chunkIn(buffer, size) };
  }

  recycle(chunk: Uint8Array): void {
    this.#buffers.recycle(chunk);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.#ended !== undefined && !this.#isClosed()) throw endedError(this.peer);
    let rest = plainBytes(chunk);
    this.#underWay++;
    try {
      // Also for an empty chunk, which checks whether the connection is still there.
      do rest = rest.subarray(await this.#conn.write(rest)); while (rest.length > 0);
    } catch (error) {
      throw this.#broken(error);
    } finally {
      this.#underWay--;
    }
  }

  #closeWrite(): Promise<void> {
    return this.#isClosed()
      ? Promise.reject(brokenError("closed", this.peer))
      : this.#ended ??= this.#endOutput();
  }

  async #endOutput(): Promise<void> {
    this.#underWay++;
    try {
      await this.#conn.closeWrite();
    } catch (error) {
      throw this.#broken(error);
    } finally {
      this.#underWay--;
    }
  }

  /** Closes the connection, for any caller. */
  #hangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    this.#conn.close();
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #broken(error: unknown): Error {
    if (error instanceof Deno.errors.ConnectionReset) this.#reset = error;
    return brokenError(this.#isClosed() ? "closed" : codeOf(error), this.peer, error);
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
  return codeOfSystemError(error);
}

/** The permissions for connecting, if one is missing. */
function flagsToConnect(error: unknown, address: Address): string | undefined {
  if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  if (address.transport === "tcp") return addFlags(netFlag(address));
  const { path } = address;
  return addFlags(`--allow-read=${path}, --allow-write=${path} and --allow-net=unix:${path}`);
}

/** The permissions for listening, if one is missing. */
function flagsToListen(error: unknown, address: Address): string | undefined {
  if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  if (address.transport === "tcp") return addFlags(netFlag(address));
  const folder = dirname(address.path);
  return addFlags(`--allow-read=${folder}, --allow-write=${folder} and --allow-net`);
}

function netFlag({ hostname, port }: Address & { transport: "tcp" }): string {
  return `--allow-net=${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

function addFlags(flags: string): string {
  return `Deno doesn't permit this. Add ${flags}.`;
}
