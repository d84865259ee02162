/**
 * What a driver is given: a protocol, and options.
 *
 * @module
 */

import type { Protocol } from "../core/protocol.ts";
import type { PendingRead } from "./pending_read.ts";
import type { TlsOptions, Transport } from "./transport.ts";

/** A protocol that a `Driver` can run; one with STARTTLS has `tlsStarted()`. */
export interface DrivableProtocol<Event extends { readonly type: string }> extends Protocol<Event> {
  /** Called when the transport is encrypted, after a "start-tls" event. */
  tlsStarted?(): void;
  /**
   * Server protocols only: takes the bytes that arrived after the request for TLS, which begin the
   * client's TLS handshake. A client has no use for what a server sends unencrypted at that point.
   */
  takeUnread?(): Uint8Array;
  /**
   * Whether it refers to any chunk that it has received, apart from what it has passed on in events. If left
   * out, it may.
   */
  readonly holdsInput?: boolean;
}

/**
 * Options for a `Driver`.
 *
 * Every hook is called synchronously and may pass output to the protocol, followed by
 * `Driver.flush()`. An error thrown by a hook ends the conversation: `Driver.run()` rejects with it.
 */
export interface DriverOptions<Event> {
  /**
   * Called with each event but "start-tls" and "close-write", in order. While a promise that it returns is
   * pending, nothing more is read.
   */
  onEvent: (event: Event) => void | Promise<void>;
  /** How to encrypt the transport when the protocol asks for it. */
  tls?: TlsOptions;
  /**
   * Whether the peer sends nothing that matters: the transport is not read at all, and the protocol's
   * input has ended from the start. `false` if left out.
   */
  writeOnly?: boolean;
  /**
   * Whether more may be read now; always if left out. Asked before each read, and again after each
   * `Driver.flush()` and each series of writes.
   */
  mayRead?: () => boolean;
  /**
   * Whether nothing refers to the last chunk any more that was passed on in events, so that the transport may
   * read the next bytes into its memory. Asked after the events of each chunk that the protocol doesn't hold;
   * while a promise that it returns is pending, nothing more is read. If left out, no chunk is recycled.
   */
  mayRecycle?: () => boolean | Promise<boolean>;
  /** Called with the number of bytes each time that some arrived, before the protocol gets them. */
  onRead?: (size: number) => void;
  /** Called once when nothing more will arrive: the peer has ended its side, or reading failed. */
  onReadEnd?: () => void;
  /** Called with the number of bytes each time that some were written, at least every 64 KiB. */
  onWrite?: (size: number) => void;
  /**
   * Called when all output is written and there is room for more: after each series of writes, and after a
   * `Driver.flush()` that had nothing to write. Output that the protocol gets during the call is
   * written at once, without a flush.
   */
  onDrain?: () => void;
  /**
   * How long the peer may read nothing while it is written to, in milliseconds; 0 or `Infinity` for no
   * limit, which is the default. After that the transport is closed, and `onBroken` and
   * `Driver.run()` get a `TimeoutError`.
   */
  stallTimeout?: number;
  /**
   * Called once when the transport breaks, so that it can't be read or can't be written any more; not after
   * `Driver.close()`.
   */
  onBroken?: (error: unknown) => void;
  /**
   * Ends with a lingering close: the driver writes the remaining output, half-closes, and waits for the
   * peer to close its side for at most this many milliseconds; 0 or `Infinity` for no limit. A transport
   * that is closed while its peer still sends may lose what the peer hasn't read yet. If left out, the
   * transport is closed at once.
   */
  lingerTimeout?: number;
  /** Where another driver left the transport that this one is given. */
  released?: ReleasedTransport;
}

/** A transport as `Driver.release()` returns it. */
export interface ReleasedTransport {
  /** The transport. */
  readonly transport: Transport;
  /** The read that is under way; `undefined` if the peer has ended its side. */
  readonly reading: PendingRead | undefined;
  /** Whether it is half-closed. */
  readonly isHalfClosed: boolean;
}
