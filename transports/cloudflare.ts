/**
 * Byte pipes over `cloudflare:sockets`, for Cloudflare Workers.
 *
 * The platform's limits:
 *
 * - There are no UNIX sockets and no listeners.
 * - Certificates are always checked against the platform's CAs. It supports no other CAs and no client
 *   certificate; options that ask for one are refused. It offers no ALPN protocols, whatever the
 *   options say.
 * - A connection belongs to the request that opened it, and can't be used by others. Create a client for
 *   each request, and close it at its end. A request can open at most six connections at a time.
 * - Its errors give no reason. A closed port, a name that doesn't exist and a bad certificate
 *   look the same: the code is "other" or "tls", and the message says what to check.
 * - A reset by the peer looks like a normal end once this side has ended its own direction, and may do so
 *   elsewhere; the protocol then reports the incomplete reply. After a failed write, what the peer sent
 *   before can't be read any more.
 * - If a connection is closed while a write is blocked, the peer sees it open until the request ends.
 * - Bundlers include the other runtimes' adapters with the client, so that a Worker with the client needs
 *   the compatibility flag "nodejs_compat".
 * - Connecting can't be aborted. A signal makes `connect()` reject at once; the socket is closed as soon as
 *   the platform has opened it.
 *
 * @module
 */

import { plainBytes } from "../core/bytes.ts";
import { messageOf } from "../core/error_text.ts";
import { checkAddress } from "./address_checks.ts";
import {
  type Address,
  brokenError,
  connectError,
  type ConnectOptions,
  endedError,
  isLoopback,
  peerName,
  tlsError,
  type TlsOptions,
  type Transport,
  TransportError,
} from "./transport.ts";

export {
  type Address,
  type ConnectOptions,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";

/** The part of `cloudflare:sockets` that is used here. */
interface CloudflareSockets {
  connect(
    address: { hostname: string; port: number },
    options: { secureTransport: "on" | "starttls"; allowHalfOpen: boolean },
  ): CloudflareSocket;
}

/** A socket of `cloudflare:sockets`. */
interface CloudflareSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the connection is open; stays pending if the server never answers. */
  readonly opened: Promise<unknown>;
  /** Resolves when both directions have ended; the peer's end alone is not enough. */
  readonly closed: Promise<void>;
  /** Returns another socket at once; whether the handshake succeeds shows when it is used. */
  startTls(options: { expectedServerHostname: string }): CloudflareSocket;
  /** Waits for the pending write, unless that is aborted first. */
  close(): Promise<void>;
}

/**
 * Connects to a TCP port; with `tls`, encrypted from the first byte. Rejects with a `TransportError`.
 *
 * After `startTls()` this side has to send first: bytes that arrive before are treated as injected, since
 * the platform doesn't distinguish unencrypted bytes from encrypted ones. A bad certificate shows in
 * `startTls()` or, mostly, in the first write or read, which rejects with the code "tls".
 *
 * If `tls.serverName` differs from the host, the platform checks it only there, so that the same holds for
 * such a connection.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire/transports/cloudflare";
 * import { Doveadm } from "@dovewire/dovewire";
 *
 * export default {
 *   async fetch(_request: Request, env: { PASSWORD: string }): Promise<Response> {
 *     await using doveadm = new Doveadm("doveadms://mail.example.org:24246", {
 *       password: env.PASSWORD,
 *       connector: connect,
 *     });
 *     return Response.json(await doveadm.run("quota get", { user: "alice" }));
 *   },
 * };
 * ```
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  checkAddress(address, options);
  const { signal, tls } = options;
  if (signal?.aborted) throw connectError("aborted", address, signal.reason);
  if (address.transport === "unix") {
    const help = "Workers have no UNIX sockets. Use a TCP port of the server's.";
    throw connectError("unsupported", address, undefined, help);
  }
  const lacking = tls && lackingFor(tls);
  if (lacking !== undefined) throw connectError("unsupported", address, undefined, lacking);
  const { hostname, port } = address;
  const serverName = tls?.serverName ?? hostname;
  const isTlsAtOnce = tls !== undefined && serverName === hostname;
  const { connect } = await importSockets(address);
  // It may have aborted meanwhile, and tells that once.
  if (signal?.aborted) throw connectError("aborted", address, signal.reason);
  let socket: CloudflareSocket;
  try {
    socket = connect(
      // A colon in the name would be read as the start of the port.
      { hostname: hostname.includes(":") ? `[${hostname}]` : hostname, port },
      { secureTransport: isTlsAtOnce ? "on" : "starttls", allowHalfOpen: true },
    );
    // Errors of the socket show in read() and write(), where a caller waits for them.
    socket.closed.catch(() => {});
    await openedUnlessAborted(socket, signal);
  } catch (error) {
    if (signal?.aborted) throw connectError("aborted", address, signal.reason);
    throw connectError("other", address, error, whatItMayBe(address, isTlsAtOnce, error));
  }
  const clearName = isTlsAtOnce ? undefined : hostname;
  const transport = new CloudflareTransport(socket, peerName(address), clearName);
  return tls === undefined || isTlsAtOnce ? transport : await transport.startTls(tls);
}

async function importSockets(address: Address): Promise<CloudflareSockets> {
  // Only Workers have this module. As a literal import, bundlers and type checkers would look for it.
  const name = "cloudflare:sockets";
  try {
    // webpack would warn of a name that it can't read.
    return await import(/* webpackIgnore: true */ name);
  } catch (error) {
    const help = 'this runtime has no "cloudflare:sockets". Use the adapter that is made for it.';
    throw connectError("unsupported", address, error, help);
  }
}

/** Waits for the connection until the signal aborts. */
async function openedUnlessAborted(
  socket: CloudflareSocket,
  signal: AbortSignal | undefined,
): Promise<void> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal?.reason);
  });
  signal?.addEventListener("abort", onAbort);
  try {
    await Promise.race([socket.opened, aborted]);
  } catch (error) {
    // Not awaited: the platform closes it only when it is open.
    socket.opened.catch(() => {});
    socket.close().catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** What the options ask for and the platform lacks, as the end of a message; `undefined` if nothing. */
function lackingFor(options: TlsOptions): string | undefined {
  const { caCerts, cert, key, dangerouslyTrustAnyCertificate } = options;
  if (caCerts !== undefined) {
    return 'Workers only trust public CAs. Leave "caCerts" out, and give the server a ' +
      "certificate of a public CA.";
  }
  if (cert !== undefined || key !== undefined) {
    return 'Workers can\'t send a client certificate. Leave "cert" and "key" out, and log in with ' +
      "a password.";
  }
  if (dangerouslyTrustAnyCertificate) {
    return 'Workers check every certificate. Leave "dangerouslyTrustAnyCertificate" out, and give ' +
      "the server a certificate of a public CA.";
  }
  return undefined;
}

function whatItMayBe(address: Address, isTls: boolean, error: unknown): string {
  return `the platform says "${
    messageOf(error)
  }" and not why. Look at the host's name and the port, ` +
    "whether the server listens there and the Internet may reach it" +
    (isTls
      ? `, and whether its certificate is for that name, not expired and issued by a public CA.`
      : ".") +
    (address.transport === "tcp" && address.port === 25 ? " Workers never reach port 25." : "");
}

class CloudflareTransport implements Transport {
  readonly peer: string;
  /** The server's name; `undefined` where TLS can't be started. */
  #hostname: string | undefined;
  #socket: CloudflareSocket;
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #state: "open" | "write-closed" | "encrypted" | "closed" = "open";
  #encrypted: Transport | undefined;
  /** Settled when the output has ended; `undefined` before closeWrite(). */
  #ended: Promise<void> | undefined;
  /** The error that broke the connection. The platform reports it to a write; a later read only ends. */
  #breakage: TransportError | undefined;
  /** Ends the waiting for the operations of the writer: a write, and a closeWrite() that is called meanwhile. */
  #stopWaiting = new Set<() => void>();

  constructor(socket: CloudflareSocket, peer: string, hostname: string | undefined) {
    this.#socket = socket;
    this.peer = peer;
    this.#hostname = hostname;
    this.#reader = socket.readable.getReader();
    this.#writer = socket.writable.getWriter();
    this.#reader.closed.catch(() => {});
    this.#writer.closed.catch(() => {});
    this.#writer.ready.catch(() => {});
  }

  get isExposed(): boolean {
    return this.#hostname !== undefined && !isLoopback(this.#hostname);
  }

  async read(): Promise<Uint8Array | undefined> {
    this.#assertUsable();
    const { value, done } = await this.#reader.read().catch((error) => {
      throw this.#broken(error);
    });
    this.#assertUsable();
    if (!done) return value;
    if (this.#breakage === undefined && await this.#isGone()) {
      this.#breakage = brokenError("reset", this.peer);
    }
    this.#assertUsable();
    if (this.#breakage !== undefined) throw this.#breakage;
    return undefined;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#assertUsable();
    if (this.#state === "write-closed") throw endedError(this.peer);
    await this.#untilClosed(this.#writer.write(plainBytes(chunk)));
  }

  async closeWrite(): Promise<void> {
    this.#assertUsable();
    await (this.#ended ??= this.#endOutput());
  }

  async startTls(options: TlsOptions): Promise<Transport> {
    this.#assertUsable();
    const hostname = this.#hostname;
    if (hostname === undefined) {
      await this.close();
      throw tlsError("unsupported", this.peer, "it is encrypted already.");
    }
    const { serverName = hostname } = options;
    const lacking = lackingFor(options);
    if (lacking !== undefined) {
      await this.close();
      throw tlsError("unsupported", this.peer, lacking);
    }
    let socket: CloudflareSocket;
    try {
      // The platform refuses locked streams, and a second call.
      this.#reader.releaseLock();
      this.#writer.releaseLock();
      socket = this.#socket.startTls({ expectedServerHostname: serverName });
    } catch (error) {
      await this.close();
      const help = `the platform says "${messageOf(error)}". Wait for pending reads and writes ` +
        "first, and start TLS only once.";
      throw tlsError("tls", this.peer, help, error);
    }
    this.#state = "encrypted";
    socket.closed.catch(() => {});
    socket.opened.catch(() => {});
    const inner = new CloudflareTransport(socket, this.peer, undefined);
    const encrypted = new UpgradedTransport(inner, serverName);
    this.#encrypted = encrypted;
    await encrypted.refuseWhatIsThere();
    return encrypted;
  }

  close(): Promise<void> {
    if (this.#state === "encrypted") return this.#encrypted!.close();
    if (this.#state === "closed") return Promise.resolve();
    this.#state = "closed";
    const reason = brokenError("closed", this.peer);
    // A pending write is aborted. Otherwise the writable side is closed in order: the platform keeps an
    // aborted connection open for the peer until the request ends. None of this is awaited.
    const ending = this.#stopWaiting.size === 0 ? this.#writer.close() : this.#writer.abort(reason);
    ending.catch(() => {});
    this.#reader.cancel(reason).catch(() => {});
    this.#socket.close().catch(() => {});
    for (const stop of this.#stopWaiting) stop();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #endOutput(): Promise<void> {
    // The platform may never answer this.
    if (this.#breakage !== undefined) throw this.#breakage;
    const closing = this.#writer.close();
    this.#state = "write-closed";
    await this.#untilClosed(closing);
  }

  /**
   * Whether the peer reset the connection: then both directions are closed, not one. If this side has ended
   * its own, both are closed in either case.
   */
  async #isGone(): Promise<boolean> {
    if (this.#state !== "open") return false;
    const gone = this.#socket.closed.then(() => true, () => true);
    return await Promise.race([gone, turn().then(() => false)]);
  }

  /** Waits for an operation until this side closes. */
  async #untilClosed(begun: Promise<void>): Promise<void> {
    let stop = () => {};
    const closed = new Promise<void>((resolve) => {
      stop = resolve;
    });
    this.#stopWaiting.add(stop);
    try {
      await Promise.race([begun, closed]);
    } catch (error) {
      this.#breakage ??= this.#broken(error);
      throw this.#broken(error);
    } finally {
      this.#stopWaiting.delete(stop);
    }
    this.#assertUsable();
  }

  #assertUsable(): void {
    if (this.#state === "closed") throw brokenError("closed", this.peer);
    if (this.#state === "encrypted") {
      const message =
        `The connection to ${this.peer} is encrypted. Use the transport that startTls() returned.`;
      throw new TransportError("other", message);
    }
  }

  #broken(error: unknown): TransportError {
    if (this.#state === "closed") return brokenError("closed", this.peer, error);
    if (this.#breakage !== undefined) return this.#breakage;
    const message = messageOf(error);
    if (/connection lost|disconnected/i.test(message)) {
      return brokenError("reset", this.peer, error);
    }
    if (/different request/i.test(message)) {
      return new TransportError(
        "other",
        `The connection to ${this.peer} belongs to the request that opened it. Open a ` +
          "connection in each request, and close it at the end of the request.",
        { cause: error },
      );
    }
    return brokenError("other", this.peer, error);
  }
}

/**
 * A connection after STARTTLS, trusted to be encrypted only once that is proven.
 *
 * The platform returns what the peer sent unencrypted before the handshake as if it had come encrypted
 * (workerd of April 2026 does). The only evidence is that a write leaves after the handshake. So bytes that
 * arrive before the first byte was written are treated as injected. Protocols in which the client sends
 * first after STARTTLS lose nothing by that; all protocols of this library do.
 */
class UpgradedTransport implements Transport {
  readonly peer: string;
  #inner: Transport;
  #serverName: string;
  #state: "unproven" | "proven" | "refused" | "closed" = "unproven";
  #refusal: TransportError | undefined;
  /** The first read, started here so that injected bytes show without a caller that reads. */
  #first: Promise<Uint8Array | undefined> | undefined;

  constructor(inner: Transport, serverName: string) {
    this.peer = inner.peer;
    this.#inner = inner;
    this.#serverName = serverName;
    this.#first = this.#readFirst();
    this.#first.catch(() => {});
  }

  /** Waits a moment for injected bytes, and rejects if there are any. */
  async refuseWhatIsThere(): Promise<void> {
    await turn();
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  async read(): Promise<Uint8Array | undefined> {
    const first = this.#first;
    if (first === undefined) return await this.#inner.read();
    const chunk = await first;
    this.#first = undefined;
    if (this.#state === "closed") throw brokenError("closed", this.peer);
    return chunk;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#state === "proven" || plainBytes(chunk).length === 0) {
      return await this.#inner.write(chunk);
    }
    if (this.#refusal !== undefined) throw this.#refusal;
    try {
      // A single byte, since the peer may answer the whole before it is written.
      await this.#inner.write(chunk.subarray(0, 1));
    } catch (error) {
      throw this.#handshakeFailed(error);
    }
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#state = "proven";
    if (chunk.length > 1) await this.#inner.write(chunk.subarray(1));
  }

  closeWrite(): Promise<void> {
    return this.#refusal === undefined ? this.#inner.closeWrite() : Promise.reject(this.#refusal);
  }

  async startTls(_options: TlsOptions): Promise<Transport> {
    await this.close();
    throw tlsError("unsupported", this.peer, "it is encrypted already.");
  }

  close(): Promise<void> {
    if (this.#state !== "refused") this.#state = "closed";
    return this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #readFirst(): Promise<Uint8Array | undefined> {
    const chunk = await this.#inner.read().catch((error) => {
      throw this.#handshakeFailed(error);
    });
    if (this.#state !== "unproven") return chunk;
    // A failed handshake looks like an end.
    if (chunk === undefined) throw this.#handshakeFailed(undefined);
    throw this.#refuse(
      "bytes arrived after the request for TLS and before any encrypted ones. None of " +
        "them was used; check for a man in the middle.",
    );
  }

  /** The error for a failure before the encryption is proven. */
  #handshakeFailed(error: unknown): unknown {
    if (this.#refusal !== undefined) return this.#refusal;
    if (this.#state !== "unproven") return error;
    return this.#refuse(
      "the handshake failed, or the other end closed instead; the platform doesn't say which. Check " +
        "whether the server speaks TLS there, and whether its certificate is for " +
        `"${this.#serverName}", not expired and issued by a public CA.`,
      error,
    );
  }

  #refuse(why: string, cause?: unknown): TransportError {
    this.#state = "refused";
    this.#refusal ??= tlsError("tls", this.peer, why, cause);
    this.#inner.close();
    return this.#refusal;
  }
}

/** Lets pending tasks run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
