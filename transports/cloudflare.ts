/**
 * Byte pipes over `cloudflare:sockets`, for Cloudflare Workers.
 *
 * What the platform has, and lacks, is what these have and lack:
 *
 * - There are no UNIX sockets and no listeners.
 * - Certificates are always checked against the platform's CAs. It takes no other CAs and no client
 *   certificate; options that ask for one are refused. It offers no ALPN protocols, whatever the
 *   options say.
 * - A connection belongs to the request that opened it, and is of no use to others. Make a client a
 *   request, and close it at its end. No more than six connections of a request open at a time.
 * - Its errors don't say why. A port where nobody listens, a name that doesn't exist and a bad
 *   certificate look the same, so that the code is "other" or "tls", and the message says what to
 *   look at.
 * - A peer that breaks the connection off looks the same as one that ends it where this side has
 *   ended its own direction, and may do so elsewhere. A reply that is cut short is an error of the
 *   protocol's. When a write has failed, what the peer sent before can't be read any more.
 * - A connection that is closed while a write is blocked is open, as the peer sees it, until the
 *   request ends.
 * - Bundlers take the other runtimes' adapters along with the client, so that a Worker with the
 *   client in it needs the compatibility flag "nodejs_compat".
 * - Connecting can't be stopped. A signal makes `connect()` reject at once; the socket is closed as
 *   soon as the platform has opened it.
 *
 * @module
 */

import {
  type Address,
  brokenError,
  connectError,
  type ConnectOptions,
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

/** A socket of that module's. */
interface CloudflareSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when there is a connection, and settles never where there won't be any answer. */
  readonly opened: Promise<unknown>;
  /** Resolves when both directions are gone; the peer's end alone doesn't do that. */
  readonly closed: Promise<void>;
  /** Gives another socket, at once: whether the handshake succeeds shows when it is used. */
  startTls(options: { expectedServerHostname: string }): CloudflareSocket;
  /** Waits for what is being written, unless that is aborted first. */
  close(): Promise<void>;
}

/**
 * Connects to a TCP port, with `tls` encrypted from the first byte. Rejects with a
 * `TransportError`.
 *
 * After `startTls()` this side has to send first: what arrives before that is taken for injected, since
 * the platform doesn't tell unencrypted bytes from encrypted ones. A bad certificate
 * shows in `startTls()` or, mostly, in the first write or read, which rejects with the code "tls".
 *
 * A `tls.serverName` other than the host's is something that the platform checks only there, so
 * that the same holds for a connection with one.
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
  let socket: CloudflareSocket;
  try {
    socket = connect(
      // A colon in the name would be taken for the port's.
      { hostname: hostname.includes(":") ? `[${hostname}]` : hostname, port },
      { secureTransport: isTlsAtOnce ? "on" : "starttls", allowHalfOpen: true },
    );
    // What breaks a socket shows in read() and write(), where somebody waits for it.
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
  // Only Workers have it. Written out it would be looked for by whoever checks or bundles this.
  const name = "cloudflare:sockets";
  try {
    return await import(name);
  } catch (error) {
    const help = 'this runtime has no "cloudflare:sockets". Use the adapter that is made for it.';
    throw connectError("unsupported", address, error, help);
  }
}

/** Waits for the connection, but no longer than the signal does. */
async function openedUnlessAborted(
  socket: CloudflareSocket,
  signal: AbortSignal | undefined,
): Promise<void> {
  let giveUp = () => {};
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal?.reason);
  });
  signal?.addEventListener("abort", giveUp);
  try {
    await Promise.race([socket.opened, aborted]);
  } catch (error) {
    // Not waited for: the platform closes it only when it is open.
    socket.opened.catch(() => {});
    socket.close().catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** What the options ask for and the platform lacks, as the rest of a message. */
function lackingFor(options: TlsOptions): string | undefined {
  const { caCerts, cert, key, dangerouslyTrustAnyCertificate } = options;
  if (caCerts !== undefined) {
    return 'Workers take no CAs of their own. Leave "caCerts" out, and give the server a ' +
      "certificate of a public CA.";
  }
  if (cert !== undefined || key !== undefined) {
    return 'Workers can\'t show a certificate to this kind of server. Leave "cert" and "key" out, ' +
      "and log in with a password.";
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
    (isTls ? `, and whether its certificate is for that name, in date and of a public CA.` : ".") +
    (address.transport === "tcp" && address.port === 25 ? " Workers never reach port 25." : "");
}

class CloudflareTransport implements Transport {
  readonly peer: string;
  /** The server's name, for as long as TLS can be started. */
  #hostname: string | undefined;
  #socket: CloudflareSocket;
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #state: "open" | "write-closed" | "encrypted" | "closed" = "open";
  #encrypted: Transport | undefined;
  /** What broke the connection. The platform reports it to a write; a later read only ends. */
  #breakage: TransportError | undefined;
  #giveUp: (() => void) | undefined;

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
    await this.#untilClosed(this.#writer.write(chunk));
  }

  async closeWrite(): Promise<void> {
    this.#assertUsable();
    // The platform may never answer, then.
    if (this.#breakage !== undefined) throw this.#breakage;
    const closing = this.#writer.close();
    this.#state = "write-closed";
    await this.#untilClosed(closing);
  }

  async startTls(options: TlsOptions): Promise<Transport> {
    this.#assertUsable();
    const hostname = this.#hostname;
    if (hostname === undefined) {
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
      // It takes streams that nobody holds, and it can't be asked twice.
      this.#reader.releaseLock();
      this.#writer.releaseLock();
      socket = this.#socket.startTls({ expectedServerHostname: serverName });
    } catch (error) {
      await this.close();
      const help = `the platform says "${messageOf(error)}". Let reads and writes come to an end ` +
        "first, and start it once.";
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
    // A write that is under way is aborted. Otherwise the writing ends in good order: for the peer, what
    // is aborted isn't closed before the request ends. Nothing of it is waited
    // for.
    const ending = this.#giveUp === undefined ? this.#writer.close() : this.#writer.abort(reason);
    ending.catch(() => {});
    this.#reader.cancel(reason).catch(() => {});
    this.#socket.close().catch(() => {});
    this.#giveUp?.();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Whether the peer broke it off, rather than ended it: then both directions are gone, and not
   * one. Where this side has ended its own, that is so in either case.
   */
  async #isGone(): Promise<boolean> {
    if (this.#state !== "open") return false;
    const gone = this.#socket.closed.then(() => true, () => true);
    return await Promise.race([gone, turn().then(() => false)]);
  }

  /** Waits for what was begun, but no longer than until this side closes. */
  async #untilClosed(begun: Promise<void>): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#giveUp = resolve;
    });
    try {
      await Promise.race([begun, closed]);
    } catch (error) {
      this.#breakage ??= this.#broken(error);
      throw this.#broken(error);
    } finally {
      this.#giveUp = undefined;
    }
    this.#assertUsable();
  }

  #assertUsable(): void {
    if (this.#state === "closed") throw brokenError("closed", this.peer);
    if (this.#state === "encrypted") {
      const message = `The connection to ${this.peer} is encrypted. Use what startTls() gave.`;
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
        `The connection to ${this.peer} belongs to the request that opened it. Connect in each ` +
          "request anew, and close it at its end.",
        { cause: error },
      );
    }
    return brokenError("other", this.peer, error);
  }
}

/**
 * A connection whose encryption was started on the way, held to be encrypted only once that is
 * proven.
 *
 * The platform gives what the peer sent unencrypted, before the handshake, as if it had come
 * encrypted (workerd of April 2026 does). Nothing tells the one from the other, nor when the
 * handshake is done, but this: a write leaves after the handshake. So whatever arrives before
 * the first byte was written is taken for injected. That costs nothing in protocols where the
 * client sends first after STARTTLS, as it does in all protocols of this library.
 */
class UpgradedTransport implements Transport {
  readonly peer: string;
  #inner: Transport;
  #serverName: string;
  #state: "unproven" | "proven" | "refused" | "closed" = "unproven";
  #refusal: TransportError | undefined;
  /** The first read, begun here, so that what waits to be read shows without anybody reading. */
  #first: Promise<Uint8Array | undefined> | undefined;

  constructor(inner: Transport, serverName: string) {
    this.peer = inner.peer;
    this.#inner = inner;
    this.#serverName = serverName;
    this.#first = this.#readFirst();
    this.#first.catch(() => {});
  }

  /** Gives what was injected early the time to show, and rejects if it does. */
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
    if (this.#state === "proven" || chunk.length === 0) return await this.#inner.write(chunk);
    if (this.#refusal !== undefined) throw this.#refusal;
    try {
      // One byte, since the peer may answer the whole before it is written.
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

  startTls(_options: TlsOptions): Promise<Transport> {
    return Promise.reject(tlsError("unsupported", this.peer, "it is encrypted already."));
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
    // A handshake that fails looks like an end.
    if (chunk === undefined) throw this.#handshakeFailed(undefined);
    throw this.#refuse(
      "bytes arrived after the request for it and before anything encrypted. Nothing of " +
        "them was used; look for a man in the middle.",
    );
  }

  /** The error for what went wrong, as long as nothing has proven that there is encryption. */
  #handshakeFailed(error: unknown): unknown {
    if (this.#refusal !== undefined) return this.#refusal;
    if (this.#state !== "unproven") return error;
    return this.#refuse(
      "the handshake failed, or the other end closed instead; the platform doesn't say which. Look " +
        "whether the server speaks TLS there, and whether its certificate is for " +
        `"${this.#serverName}", in date and of a public CA.`,
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

/** Lets happen what is ready to. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
