/**
 * What a runtime has to provide: byte pipes, and ways to open them from either end.
 *
 * @module
 */

/** Where to connect to, or to listen. */
export type Address =
  /** A TCP port; `hostname` is a name or an IP address, without brackets. */
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  /** A UNIX socket. */
  | { readonly transport: "unix"; readonly path: string };

/** How to encrypt a connection. */
export interface TlsOptions {
  /** The name that the server's certificate is for; the address's host if left out. */
  serverName?: string;
  /** Certificates of the authorities to trust instead of the runtime's, as PEM. */
  caCerts?: readonly string[];
}

/**
 * A conversation's bytes, both ways. Every adapter gives this, whatever runtime is under it.
 *
 * One read and one write may be under way at a time.
 */
export interface Transport extends AsyncDisposable {
  /** The next bytes from the peer, or `undefined` once it has sent its last. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when the runtime has taken the bytes and has room for more. */
  write(chunk: Uint8Array): Promise<void>;
  /** Tells the peer that no more comes. Reading goes on. */
  closeWrite(): Promise<void>;
  /** The same conversation, encrypted from here on. Refused if plaintext is waiting to be read. */
  startTls(options: TlsOptions): Promise<Transport>;
  /**
   * Ends the conversation both ways, at once and as often as it is called; a read or a write that is
   * under way rejects.
   */
  close(): Promise<void>;
  /** Who is at the other end, for messages: "tcp 192.0.2.1:24245", "unix /run/dovecot/doveadm-server". */
  readonly peer: string;
}

/** What a {@linkcode Connector} can be told. */
export interface ConnectOptions {
  /** Gives up connecting. */
  signal?: AbortSignal;
}

/** Opens a transport: what every adapter exports as `connect`. */
export type Connector = (address: Address, options?: ConnectOptions) => Promise<Transport>;

/** Takes in clients: the other end of a {@linkcode Connector}. */
export interface Listener extends AsyncDisposable {
  /** Where it listens; with the port that was chosen, where 0 was asked for. */
  readonly address: Address;
  /**
   * The next client, or `undefined` once the listener is closed. Calls that wait are served in their
   * order. It doesn't reject: clients that the system can't take in, for want of file descriptors say,
   * wait until it can, or are lost.
   */
  accept(): Promise<Transport | undefined>;
  /**
   * Stops listening, at once and as often as it is called. Transports that were accepted go on;
   * clients that wait to be are closed. A UNIX socket's file is removed, unless it is another's by now.
   */
  close(): Promise<void>;
}

/** What a {@linkcode Listen} can be told. */
export interface ListenOptions {
  /**
   * The mode of a UNIX socket's file, 0o600 if left out. Nobody whom it shuts out can connect, not even
   * before it is set.
   */
  mode?: number;
}

/** Opens a listener: what every adapter that can exports as `listen`. */
export type Listen = (address: Address, options?: ListenOptions) => Promise<Listener>;

/**
 * What became of a transport or a listener:
 *
 * - "refused": nobody listens there
 * - "in-use": somebody listens there already, or a file is in the way
 * - "not-found": no such socket file or folder, or no such host
 * - "denied": the file's mode or the runtime's permissions don't allow it
 * - "unreachable": no way to that host, or no such address on this one
 * - "reset": the peer broke the connection off
 * - "closed": this side closed it
 * - "aborted": the caller's signal gave up on it
 * - "unsupported": this adapter can't do that
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
  | "unsupported"
  | "other";

/** A transport or a listener that could not be opened, or broke. */
export class TransportError extends Error {
  /** The class's name. */
  override name = "TransportError";
  /** What became of it, the same word on every runtime. */
  readonly code: TransportErrorCode;

  /** Makes one; `cause` is the runtime's own error. */
  constructor(code: TransportErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** An address for messages, as in {@linkcode Transport.peer}. */
export function peerName(address: Address): string {
  if (address.transport === "unix") return `unix ${address.path}`;
  const { hostname, port } = address;
  return `tcp ${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** Who is at the other end of what a listener accepted, as in {@linkcode Transport.peer}. */
export function clientName(remote: Address | undefined, listening: Address): string {
  if (remote !== undefined) return peerName(remote);
  // A UNIX socket's clients have no names; those of a port have lost theirs when they are gone.
  return listening.transport === "unix"
    ? peerName(listening)
    : `a client of ${peerName(listening)}`;
}

const advice: Partial<Record<TransportErrorCode, (address: Address) => string>> = {
  refused: (address) =>
    address.transport === "unix"
      ? "nobody listens at that socket. Is Dovecot running?"
      : "nobody listens at that port. Is Dovecot running, with an inet_listener in service doveadm?",
  "not-found": (address) =>
    address.transport === "unix"
      ? "there is no such socket. Is Dovecot running, and is the path that of its base_dir?"
      : "there is no host of that name. Look at the spelling.",
  denied: () => "that is not permitted. Run as a user who may use the socket.",
  unreachable: () => "there is no way to that host. Look at the address and the network.",
  aborted: () => "the signal gave up on it.",
};

/** The error for a connection that can't be opened; `help` takes the place of the usual advice. */
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
      ? "another server listens at that socket. Stop it, or take another path."
      : "another server listens at that port. Stop it, or take another port; 0 is any that is free.",
  "not-found": (address) =>
    address.transport === "unix"
      ? "there is no such folder. Make it first."
      : "there is no host of that name. Look at the spelling.",
  denied: (address) =>
    address.transport === "unix"
      ? "that is not permitted. Run as a user who may write to the folder."
      : "that is not permitted. Take a port from 1024 on, or run as a user who may use that one.",
  unreachable: () =>
    "this machine has no such address. Take one that it has: 127.0.0.1 or ::1 for itself alone, " +
    "0.0.0.0 or :: for everybody.",
};

/** The error for a listener that can't be opened; `help` takes the place of the usual advice. */
export function listenError(
  code: TransportErrorCode,
  address: Address,
  cause: unknown,
  help?: string,
): TransportError {
  const why = help ?? adviceForListening[code]?.(address) ?? messageOf(cause);
  return new TransportError(code, `Cannot listen at ${peerName(address)}: ${why}`, { cause });
}

/** The error for a connection that broke. */
export function brokenError(
  code: TransportErrorCode,
  peer: string,
  cause?: unknown,
): TransportError {
  const what = code === "reset"
    ? "the other end broke it off"
    : code === "closed"
    ? "it was closed on this side"
    : messageOf(cause);
  return new TransportError(code, `The connection to ${peer} is gone: ${what}.`, { cause });
}

/** The error for an adapter that can't encrypt. */
export function tlsUnsupported(peer: string): TransportError {
  return new TransportError(
    "unsupported",
    `Cannot start TLS with ${peer}: this transport has no TLS. Use a UNIX socket or loopback.`,
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
  ABORT_ERR: "aborted",
};

/** What a runtime's error with a `code` such as ECONNREFUSED means here. */
export function codeOfSystemError(error: unknown): TransportErrorCode {
  // Node tries each address of a name, and gathers the errors where all of them fail.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const code = (first as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && Object.hasOwn(codesOfSystem, code)
    ? codesOfSystem[code]
    : "other";
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
