/**
 * Dot-stuffing of a command's input: lines that start with a dot get another one, and a line with a single
 * dot ends it (RFC 5321, section 4.5.2).
 *
 * Two things differ from mail. The line end before the final dot is not part of the data, so one is always
 * added. And a server that refuses a command, for example for an unknown option, reads the command's input
 * *as commands*, up to the first line that is not one. So the first line must never be one: unless it is
 * empty, it gets a dot in front, whatever it starts with. A server that reads it as input removes the dot,
 * as in RFC 5321; one that reads it as a command takes the dot for an unknown flag and closes the
 * connection, as it does for an empty line.
 *
 * A first line that starts with a CR gets no dot either. A server that reads it as a command closes the
 * connection, too, since a CR is no flag; but one that reads it as input loses bytes after a dot and a CR
 * (Dovecot 2.3.19.1 and 2.4.1), and takes a dot and CR LF for the end of the input.
 *
 * The line's bytes don't show whether it needs the dot: a server removes the tab-escapes of a line's flags
 * before it checks them.
 *
 * Source: Dovecot's src/lib-mail/istream-dot.c, src/doveadm/client-connection-tcp.c.
 *
 * @module
 */

import { concat } from "../bytes.ts";

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

const dot = Uint8Array.of(DOT);
const closing = Uint8Array.of(CR, LF, DOT, CR, LF);

/**
 * Stuffs a command's input, piece by piece.
 *
 * @example
 * ```ts
 * import { DotStuffer } from "@dovewire/dovewire/core/doveadm";
 * import { concat, decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const stuffer = new DotStuffer();
 * const wire = concat([...stuffer.push(encodeUtf8("Subject: x\n\n.dot")), ...stuffer.end()]);
 * assert.equal(decodeUtf8(wire), ".Subject: x\n\n..dot\r\n.\r\n");
 * ```
 */
export class DotStuffer {
  /**
   * "first": at the start of the first line; "start": at the start of another line; "within": inside a
   * line.
   */
  #state: "first" | "start" | "within" = "first";

  /** Stuffs the next piece of the input; the returned pieces refer to it and don't copy it. */
  push(piece: Uint8Array): Uint8Array[] {
    const wire: Uint8Array[] = [];
    if (piece.length === 0) return wire;
    const isStuffed = this.#state === "first"
      ? piece[0] !== LF && piece[0] !== CR
      : this.#state === "start" && piece[0] === DOT;
    if (isStuffed) wire.push(dot);
    this.#state = "within";
    let start = 0;
    for (let at = 0; (at = indexOfFirstDot(piece, at + 1)) !== -1;) {
      wire.push(piece.subarray(start, at), dot);
      start = at;
    }
    wire.push(piece.subarray(start));
    if (piece[piece.length - 1] === LF) this.#state = "start";
    return wire;
  }

  /** The end of the input. */
  end(): Uint8Array[] {
    return [closing];
  }
}

/** How many bytes are searched one by one before a view of the rest is made, which takes longer. */
const nearby = 16;

/**
 * The index of the first dot from `start` on that is the first byte of its line, or -1; `start` is at least 1.
 *
 * It searches dots, not line ends, eight bytes at a time: base64, which is most of a large mail, has lines but no
 * dots.
 */
function indexOfFirstDot(bytes: Uint8Array, start: number): number {
  const { buffer, byteOffset, length } = bytes;
  const near = start + nearby;
  const wordsStart = near + (-(byteOffset + near) & 3);
  const found = indexOfFirstDotIn(bytes, start, Math.min(wordsStart, length));
  if (found !== -1 || wordsStart >= length) return found;
  const words = new Int32Array(buffer, byteOffset + wordsStart, (length - wordsStart) >> 2);
  const pairsEnd = words.length & ~1;
  for (let word = 0; word < pairsEnd; word += 2) {
    const one = words[word] ^ fourDots;
    const two = words[word + 1] ^ fourDots;
    // Whether any byte of the eight has become 0: only the subtraction sets its highest bit.
    const changed = ((one - 0x01010101) & ~one) | ((two - 0x01010101) & ~two);
    if ((changed & 0x80808080) === 0) continue;
    const at = wordsStart + (word << 2);
    const dotAt = indexOfFirstDotIn(bytes, at, at + 8);
    if (dotAt !== -1) return dotAt;
  }
  return indexOfFirstDotIn(bytes, wordsStart + (pairsEnd << 2), length);
}

const fourDots = 0x2e2e2e2e;

/** As {@linkcode indexOfFirstDot}, in a range, byte by byte. */
function indexOfFirstDotIn(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === DOT && bytes[at - 1] === LF) return at;
  return -1;
}

/** A whole input, dot-stuffed. */
export function dotStuff(input: Uint8Array): Uint8Array {
  const stuffer = new DotStuffer();
  return concat([...stuffer.push(input), ...stuffer.end()]);
}

/** The result for a piece of the wire. */
export interface Unstuffed {
  /** The next bytes of the input. */
  readonly pieces: readonly Uint8Array[];
  /** The position after the final dot's line; `undefined` if it hasn't arrived yet. */
  readonly end: number | undefined;
}

const nothing = new Uint8Array(0);

/**
 * Removes the dot-stuffing from a command's input, piece by piece. Line ends are preserved; the one before
 * the final dot is not part of the input.
 *
 * @example
 * ```ts
 * import { DotUnstuffer } from "@dovewire/dovewire/core/doveadm";
 * import { concat, decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const unstuffer = new DotUnstuffer();
 * const { pieces, end } = unstuffer.push(encodeUtf8("one\n..two\r\n.\r\n\t\twho\n"));
 * assert.equal(decodeUtf8(concat(pieces)), "one\n.two");
 * assert.equal(end, 14);
 * ```
 */
export class DotUnstuffer {
  /**
   * "start": at the start of a line, after a line end that is held; "text": inside a line; "cr": after a
   * CR, which is held; "dot": after a dot at the start of a line; "dot-cr": after that and a CR; "over".
   */
  #state: "start" | "text" | "cr" | "dot" | "dot-cr" | "over" = "start";
  /** Bytes that are part of the input unless it ends here. */
  #held: Uint8Array = nothing;

  /** Takes the next piece of the wire; the result refers to it and doesn't copy it. */
  push(piece: Uint8Array): Unstuffed {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < piece.length;) {
      const byte = piece[at];
      switch (this.#state) {
        case "start":
          if (byte === DOT) {
            this.#state = "dot";
            at++;
          } else this.#goOn(pieces);
          continue;
        case "text":
          at = this.#text(piece, at, pieces);
          continue;
        case "cr":
          if (byte === LF) {
            this.#hold("start", Uint8Array.of(CR, LF));
            at++;
          } else this.#goOn(pieces);
          continue;
        case "dot":
          if (byte === LF) return this.#end(pieces, at + 1);
          if (byte === CR) {
            this.#state = "dot-cr";
            at++;
          } else this.#goOn(pieces);
          continue;
        case "dot-cr":
          if (byte === LF) return this.#end(pieces, at + 1);
          this.#goOn(pieces);
          this.#hold("cr", Uint8Array.of(CR));
          continue;
        case "over":
          return { pieces, end: at };
      }
    }
    return { pieces, end: undefined };
  }

  /** Appends the held bytes to the input. */
  #goOn(pieces: Uint8Array[]): void {
    if (this.#held.length > 0) pieces.push(this.#held);
    this.#hold("text", nothing);
  }

  #hold(state: "start" | "text" | "cr", held: Uint8Array): void {
    this.#state = state;
    this.#held = held;
  }

  #end(pieces: Uint8Array[], end: number): Unstuffed {
    this.#state = "over";
    this.#held = nothing;
    return { pieces, end };
  }

  /** Returns whole lines up to one that may be the last or starts with a dot, and the position of that. */
  #text(piece: Uint8Array, start: number, pieces: Uint8Array[]): number {
    const dotAt = indexOfFirstDot(piece, start + 1);
    const next = dotAt === -1 ? piece.length : dotAt;
    const found = piece[next - 1] === LF ? next - 1 : -1;
    let end = found === -1 ? piece.length : found;
    if (end > start && piece[end - 1] === CR) end--;
    if (end > start) pieces.push(piece.subarray(start, end));
    if (found !== -1) {
      this.#hold("start", piece.slice(end, found + 1));
      return found + 1;
    }
    if (end < piece.length) this.#hold("cr", Uint8Array.of(CR));
    return piece.length;
  }
}
