/**
 * What a runtime has to provide: byte pipes, and functions to open them from either end.
 *
 * @module
 */

import { plainBytes } from "../core/bytes.ts";
import { messageOf } from "../core/error_text.ts";
import { DovewireError, type DovewireErrorOptions } from "../core/errors.ts";
import type { ExitStatus } from "../core/exit_status.ts";

/** Where to connect to, or to listen. */
export type Address =
  /** A TCP port; `hostname` is a name or an IP address, without brackets. */
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  /** A UNIX socket. */
  | { readonly transport: "unix"; readonly path: string };

/** How to encrypt a connection, from either end. */
export interface TlsOptions {
  /**
   * A client's: the name or IP address that the server's certificate must be for, also sent to the server
   * (SNI); the address's host if left out. Required for a UNIX socket, which has no host.
   */
  serverName?: string;
  /**
   * Certificates of CAs, as PEM. A client trusts these instead of the runtime's. A server requires its
   * clients to have a certificate that one of these issued.
   */
  caCerts?: readonly string[];
  /** This end's certificate, followed by the intermediate ones, as PEM. A server needs one. */
  cert?: string;
  /** The private key of `cert`, as PEM. */
  key?: string;
  /**
   * The ALPN protocols to offer (a client) or to accept (a server), in order of preference; none if left
   * out. If both ends have some, but none in common, the handshake fails. Cloudflare Workers have no ALPN
   * and ignore this.
   */
  alpnProtocols?: readonly string[];
  /**
   * A client's: accepts any certificate, so that a man in the middle can read and change everything. Only
   * for tests and debugging.
   */
  dangerouslyTrustAnyCertificate?: boolean;
}

/**
 * The bytes of a conversation, both ways. Every adapter returns this, on every runtime.
 *
 * At most one read and one write may be pending at a time.
 */
export interface Transport extends AsyncDisposable {
  /** The next bytes from the peer, or `undefined` at the end. The chunk belongs to the caller. */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Takes back the chunk of the last read, and may read the next bytes into its memory. Only for a caller
   * that is sure that nothing refers to the chunk any more, not even through another view. Left out by a
   * transport that has no use for it.
   */
  recycle?(chunk: Uint8Array): void;
  /**
   * Resolves when the runtime has taken the bytes and has room for more. Writing no bytes sends nothing,
   * but rejects if the system knows that the connection is broken, even if nothing reads it.
   *
   * Once it has rejected, reading ends as well: after what the peer has sent before, which may be the reason. What is
   * no `Uint8Array` is a `LocalProtocolError`, and changes nothing.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Half-closes: ends the output. Reading goes on, later writes reject, and later calls do nothing more. */
  closeWrite(): Promise<void>;
  /**
   * Starts TLS and returns the encrypted transport: as the client if this one was connected, as the server
   * if it was accepted. Of this transport only `close()` still works; it closes both.
   *
   * If that fails, it closes the connection and rejects with a `TransportError`. A client also rejects if
   * unencrypted bytes are left to be read: an attacker may have injected them. At a server such bytes belong
   * to the client's handshake; it passes those that it has read already as `received`.
   */
  startTls(options: TlsOptions, received?: Uint8Array): Promise<Transport>;
  /**
   * Closes the connection at once; may be called any number of times. A pending read or write rejects.
   */
  close(): Promise<void>;
  /** The other end, for messages: "tcp 192.0.2.1:24245", "unix /run/dovecot/doveadm-server". */
  readonly peer: string;
  /**
   * Whether bytes go over a network unencrypted: `true` for TCP to another machine without TLS. If left
   * out, the transport doesn't know.
   */
  readonly isExposed?: boolean;
}

/** Options for a {@linkcode Connector}. */
export interface ConnectOptions {
  /** Aborts connecting, the TLS handshake included. */
  signal?: AbortSignal;
  /** Encrypts from the first byte. */
  tls?: TlsOptions;
}

/** Opens a transport: every adapter exports one as `connect`. */
export type Connector = (address: Address, options?: ConnectOptions) => Promise<Transport>;

/** Accepts clients: the other end of a {@linkcode Connector}. */
export interface Listener extends AsyncDisposable {
  /** Where it listens; with the chosen port if 0 was asked for. */
  readonly address: Address;
  /**
   * The next client, or `undefined` once the listener is closed. Pending calls are served in their order.
   * It doesn't reject: if the system can't accept a client, for example because it has no free file
   * descriptor, the client waits until it can, or is lost.
   */
  accept(): Promise<Transport | undefined>;
  /**
   * Stops listening at once; may be called any number of times. Accepted transports stay open; clients that
   * wait to be accepted are closed. A UNIX socket's file is removed, unless another server has replaced it.
   */
  close(): Promise<void>;
}

/** Options for a {@linkcode Listen}. */
export interface ListenOptions {
  /**
   * The mode of a UNIX socket's file, 0o600 if left out. It applies from the start: no other user can
   * connect before it is set.
   */
  mode?: number;
  /**
   * Encrypts from the first byte. The handshake begins when a client is accepted; reads and writes wait for
   * it, and reject if it fails. It has no time limit: the caller limits it by closing.
   */
  tls?: TlsOptions;
}

/**
 * How many clients may wait until a busy server accepts them, where the system allows so many. The runtimes'
 * own default is 511: Linux resets connections of more clients that come at once, or lets them wait for seconds.
 */
export const listenBacklog = 4096;

/** Opens a listener: adapters that can listen export one as `listen`. */
export type Listen = (address: Address, options?: ListenOptions) => Promise<Listener>;

/** Options for a {@linkcode Spawn}. */
export interface SpawnOptions {
  /** The working directory of the process; this process's own if left out. */
  cwd?: string;
  /** The complete environment of the process; a copy of this process's if left out. */
  env?: Readonly<Record<string, string>>;
  /**
   * Written to file descriptor 3 of the process, which then reads the end; for secrets, which other users
   * could see in arguments or the environment. It is copied at once. If left out, the process has no file
   * descriptor 3.
   */
  descriptor3?: Uint8Array;
  /**
   * Called with each chunk that the process writes to its stderr; if left out, stderr is discarded. An
   * error thrown by this is ignored, and the next chunk is passed all the same.
   */
  onStderr?: (chunk: Uint8Array) => void;
  /** Aborts starting the process; ends it with SIGKILL if it has started. */
  signal?: AbortSignal;
}

/**
 * A child process. Disposing of it closes its transport, which ends the process as {@linkcode
 * ChildProcess.transport} describes, and waits for that.
 */
export interface ChildProcess extends AsyncDisposable {
  /**
   * The process's stdin and stdout. `closeWrite()` ends its stdin. `close()` closes both, without waiting
   * for the process: if it hasn't ended half a second later it gets a SIGTERM, and after another two
   * seconds a SIGKILL.
   */
  readonly transport: Transport;
  /** The process's id. */
  readonly pid: number;
  /**
   * How the process ended, once it has ended, all of its stderr was passed on, and all of its stdout was
   * read or the transport was closed. Never rejects.
   */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal, SIGTERM if left out; does nothing once the process has ended. */
  kill(signal?: "SIGTERM" | "SIGKILL"): void;
  /** Closes the transport, and resolves when the process has ended. */
  close(): Promise<void>;
}

/**
 * Starts a child process: adapters that can do so export one as `spawn`. A program without a slash in its
 * name is searched for in the folders of PATH.
 */
export type Spawn = (
  command: readonly string[],
  options?: SpawnOptions,
) => Promise<ChildProcess>;

/**
 * What happened to a transport, a listener or a process:
 *
 * - "refused": no server listens there
 * - "in-use": another server listens there, or another file has that path
 * - "not-found": no such socket file, folder or program, or no such host
 * - "denied": the file's mode or the runtime's permissions don't allow it
 * - "unreachable": no route to that host, or no such address on this one
 * - "reset": the peer reset the connection
 * - "closed": this side closed it
 * - "aborted": the caller's signal aborted it
 * - "certificate": the peer's certificate isn't trusted, has expired, is for another name, or is missing
 * - "tls": the connection can't be encrypted for another reason
 * - "invalid": no system supports that
 * - "unsupported": this adapter doesn't support that
 * - "other": see `cause`
 */
export type TransportErrorCode =
  | "refused"
  | "in-use"
  | "not-found"
  | "denied"
  | "unreachable"
  | "reset"
  | "closed"
  | "aborted"
  | "certificate"
  | "tls"
  | "invalid"
  | "unsupported"
  | "other";

/**
 * A transport, a listener or a process that could not be opened or started, or a transport that broke.
 *
 * A transport doesn't know about commands: `sent` says whether it was open, so that bytes may have been sent.
 */
export class TransportError extends DovewireError {
  /** The class's name. */
  override name = "TransportError";
  /** What happened, the same on every runtime. */
  override readonly code: TransportErrorCode;

  /** Creates an error; `cause` is the runtime's own. */
  constructor(code: TransportErrorCode, message: string, options: DovewireErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Whether an error is that of a connection that couldn't be encrypted. */
export function isTlsFailure(error: unknown): error is TransportError {
  if (!(error instanceof TransportError)) return false;
  const { code } = error;
  return code === "certificate" || code === "tls" || code === "unsupported";
}

/**
 * Whether an error of a connection says only that the other end has disconnected, which is no error for whoever
 * serves it. One that can't be encrypted may be: the server's own certificate can be the cause.
 */
export function isDisconnect(error: unknown): boolean {
  return error instanceof TransportError && !isTlsFailure(error);
}

/** An address for messages, as in {@linkcode Transport.peer}. */
export function peerName(address: Address): string {
  if (address.transport === "unix") return `unix ${address.path}`;
  const { hostname, port } = address;
  return `tcp ${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** A byte of an IPv4 address; one with a leading zero isn't read by all runtimes. */
const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

/** The IPv4 addresses of this machine, also as IPv6 ones, the last as URLs write them. */
const loopback = new RegExp(
  `^(?:(?:::ffff:)?127(?:\\.${octet}){3}|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})$`,
);

/**
 * Whether a name or an address is this machine itself: "localhost", 127.0.0.0/8, ::1. Other names aren't, also
 * those that end in ".localhost", and none with a dot at its end: most systems ask the network for their addresses.
 */
export function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return name === "localhost" || name === "::1" || loopback.test(name);
}

/** The peer of an accepted connection, as in {@linkcode Transport.peer}. */
export function clientName(remote: Address | undefined, listening: Address): string {
  if (remote !== undefined) return peerName(remote);
  // Clients of a UNIX socket have no address; the address of a TCP client is lost when it disconnects.
  return listening.transport === "unix"
    ? peerName(listening)
    : `a client of ${peerName(listening)}`;
}

const advice: Partial<Record<TransportErrorCode, (address: Address) => string>> = {
  refused: (address) =>
    address.transport === "unix"
      ? "no server listens at that socket. Check the path, and that the server is running."
      : "no server listens at that port. Check the port, and that the server is running.",
  "not-found": (address) =>
    address.transport === "unix"
      ? "there is no such socket. Check the path, and that the server is running."
      : "there is no host of that name. Check the spelling.",
  denied: () => "that is not permitted. Run as a user who may use the socket.",
  unreachable: () => "there is no route to that host. Check the address and the network.",
  aborted: () => "the signal aborted it.",
};

/** The error for a connection that can't be opened; `help` replaces the usual advice. */
export function connectError(
  code: TransportErrorCode,
  address: Address,
  cause: unknown,
  help?: string,
): TransportError {
  const why = help ?? advice[code]?.(address) ?? messageOf(cause);
  return new TransportError(code, `Cannot connect to ${peerName(address)}: ${why}`, { cause });
}

const adviceForListening: Partial<Record<TransportErrorCode, (address: Address) => string>> = {
  "in-use": (address) =>
    address.transport === "unix"
      ? "another server listens at that socket. Stop it, or use another path."
      : "another server listens at that port. Stop it, or use another port; 0 selects any free one.",
  "not-found": (address) =>
    address.transport === "unix"
      ? "there is no such folder. Create it first."
      : "there is no host of that name. Check the spelling.",
  denied: (address) =>
    address.transport === "unix"
      ? "that is not permitted. Run as a user who may write to the folder."
      : "that is not permitted. Use a port from 1024 on, or run as a user who may use that one.",
  unreachable: () =>
    "this machine has no such address. Use one that it has: 127.0.0.1 or ::1 for this machine only, " +
    "0.0.0.0 or :: for all networks.",
};

/** The error for a listener that can't be opened; `help` replaces the usual advice. */
export function listenError(
  code: TransportErrorCode,
  address: Address,
  cause: unknown,
  help?: string,
): TransportError {
  const why = help ?? adviceForListening[code]?.(address) ?? messageOf(cause);
  return new TransportError(code, `Cannot listen at ${peerName(address)}: ${why}`, { cause });
}

/** The error for a process that can't be started. */
export function spawnError(
  code: TransportErrorCode,
  program: string,
  why: string,
  cause?: unknown,
): TransportError {
  return new TransportError(code, `Cannot start ${program}: ${why}`, { cause });
}

/** The error for a connection that broke. */
export function brokenError(
  code: TransportErrorCode,
  peer: string,
  cause?: unknown,
): TransportError {
  const what = code === "reset"
    ? "the other end reset it"
    : code === "closed"
    ? "it was closed on this side"
    : messageOf(cause);
  return new TransportError(code, `The connection to ${peer} is gone: ${what}.`, {
    cause,
    sent: true,
  });
}

/** Rejects with a `LocalProtocolError` for what is no bytes; `undefined` for bytes. */
export function refusedWrite(chunk: Uint8Array): Promise<never> | undefined {
  try {
    plainBytes(chunk);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The error for a write after `closeWrite()`. */
export function endedError(peer: string): TransportError {
  return new TransportError(
    "closed",
    `Nothing can be written to ${peer} any more: closeWrite() has ended the output.`,
  );
}

/** The error for a connection that can't be encrypted. */
export function tlsError(
  code: TransportErrorCode,
  peer: string,
  why: string,
  cause?: unknown,
): TransportError {
  return new TransportError(code, `Cannot start TLS with ${peer}: ${why}`, { cause });
}

/** The error for an adapter that can't encrypt. */
export function tlsUnsupported(peer: string): TransportError {
  return tlsError(
    "unsupported",
    peer,
    "this transport has no TLS. Use one over TCP, or encrypt what is under it.",
  );
}

const codesOfSystem: Readonly<Record<string, TransportErrorCode>> = {
  ECONNREFUSED: "refused",
  EADDRINUSE: "in-use",
  ENOENT: "not-found",
  ENOTFOUND: "not-found",
  EAI_AGAIN: "not-found",
  EAI_NONAME: "not-found",
  ENOTSOCK: "refused",
  ENOTDIR: "not-found",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
  EADDRNOTAVAIL: "unreachable",
  EAFNOSUPPORT: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ECONNRESET: "reset",
  EPIPE: "reset",
  ERR_STREAM_DESTROYED: "reset",
  ABORT_ERR: "aborted",
};

/** The code for a runtime's error with a `code` such as ECONNREFUSED. */
export function codeOfSystemError(error: unknown): TransportErrorCode {
  // Node tries each address of a name, and collects the errors if all of them fail.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  if (first instanceof TransportError) return first.code;
  const code = (first as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && Object.hasOwn(codesOfSystem, code)
    ? codesOfSystem[code]
    : "other";
}
