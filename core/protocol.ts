/**
 * The one contract that every protocol of dovewire implements: a value that turns bytes into events
 * and commands into bytes, and never touches a socket.
 *
 * @module
 */

/**
 * A sans-I/O protocol: bytes in, events and bytes out.
 *
 * Whoever embeds one moves the bytes: {@linkcode receive} what the peer sent, ask
 * {@linkcode nextEvent} until it gives `undefined`, write what {@linkcode takeOutput} gives until it
 * gives `undefined`. Five laws hold for each of them:
 *
 * 1. However the same bytes are cut into chunks, the same events come out in the same order. (An
 *    event that hands on a *piece* of a longer value may be cut elsewhere; the value is the same.)
 * 2. A caller's mistake throws a `LocalProtocolError` and changes nothing. A peer's mistake throws
 *    from `nextEvent()`, which rethrows the same error afterwards.
 * 3. Every buffer that a peer can fill has a limit. Going over it is a `RemoteProtocolError` that
 *    names the limit.
 * 4. What was sent and not answered when the connection dies is reported, each by its id.
 * 5. It is a plain value: no promises, no timers, no clock.
 *
 * @example Moving bytes by hand
 * ```ts
 * import type { Protocol } from "@dovewire/dovewire/core";
 *
 * /** Feeds one chunk and gives everything that came of it. *\/
 * function step<Event>(protocol: Protocol<Event>, chunk: Uint8Array): Event[] {
 *   protocol.receive(chunk);
 *   const events: Event[] = [];
 *   for (let event; (event = protocol.nextEvent()) !== undefined;) events.push(event);
 *   return events;
 * }
 * ```
 */
export interface Protocol<Event> {
  /** Takes bytes that arrived from the peer. The protocol owns the chunk from here on. */
  receive(chunk: Uint8Array): void;
  /** Learns that the peer will send no more. */
  receiveEnd(): void;
  /** The next event in wire order, or `undefined` when it takes more bytes to know. */
  nextEvent(): Event | undefined;
  /** Bytes to write, oldest first, or `undefined` when there are none. */
  takeOutput(): Uint8Array | undefined;
  /**
   * When to call {@linkcode handleTimeout}, in the caller's milliseconds; `undefined` for
   * never. A deadline in the past (0 among them) means: as soon as possible.
   */
  readonly deadline: number | undefined;
  /** Learns what time it is, in milliseconds of any clock that doesn't go back. */
  handleTimeout(now: number): void;
}
