/**
 * The contract of every protocol of dovewire: a value that turns bytes into events and commands into bytes,
 * and never touches a socket.
 *
 * @module
 */

/**
 * A sans-I/O protocol: bytes in, events and bytes out.
 *
 * The caller moves the bytes: pass what the peer sent to {@linkcode receive}, call {@linkcode nextEvent}
 * until it returns `undefined`, write what {@linkcode takeOutput} returns until it returns `undefined`.
 * Five laws hold for each protocol:
 *
 * 1. However the same bytes are cut into chunks, the same events come out in the same order. (A *piece* of
 * a longer value may be cut elsewhere; the value is the same.)
 * 2. A caller's mistake throws a `LocalProtocolError` and changes nothing. A peer's mistake throws
 *    from `nextEvent()`, which rethrows the same error afterwards.
 * 3. Every buffer that a peer can fill has a limit. Exceeding it is a `RemoteProtocolError` that names the
 * limit.
 * 4. Requests that were sent and not answered when the connection ends are reported, each by its id.
 * 5. It is a plain value: no promises, no timers, no clock.
 *
 * IMAP adds two things:
 *
 * - **A conversation that answers mistakes.** An IMAP server tells its client what was wrong (`BAD`), and
 *   both go on. There, a client's mistake is an event, with the answer among the output, and what follows
 *   is read as before. Where a limit leaves no way on, the output ends with `BYE`, and the "end" event
 *   follows: that is an orderly end. So law 2 has no `RemoteProtocolError` for what a client sends, and in
 *   law 3 a limit is answered.
 * - **A protocol with two peers**, such as a relay. It is one value with a `Protocol` for each peer, its
 *   *sides*: bytes go in and out at the side of the peer that they belong to, and each side has its own
 *   events and deadline. Bytes that come in at one side may become output of the other: the first side
 *   tells it by an event of type "output", and the caller then writes what the other side's `takeOutput()`
 *   returns. A caller that reads no more from the first peer until that is written holds back whoever
 *   sends faster than the other reads. The laws hold for each side, whatever the other one does.
 *
 * A protocol that can be frozen has a sixth law: to freeze and thaw it between any two bytes changes nothing that a
 * peer sees.
 *
 * @example Moving bytes by hand
 * ```ts
 * import type { Protocol } from "@dovewire/dovewire/core";
 *
 * /** Passes one chunk on and returns the events. *\/
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
  /** Ends the input: the peer will send no more. */
  receiveEnd(): void;
  /** The next event in wire order, or `undefined` if more bytes are needed. */
  nextEvent(): Event | undefined;
  /** Bytes to write, oldest first, or `undefined` if there are none. */
  takeOutput(): Uint8Array | undefined;
  /**
   * When to call {@linkcode handleTimeout}, in the caller's milliseconds; `undefined` for
   * never. A deadline in the past (0 among them) means: as soon as possible.
   */
  readonly deadline: number | undefined;
  /** Passes the current time, in milliseconds of any monotonic clock. */
  handleTimeout(now: number): void;
}
