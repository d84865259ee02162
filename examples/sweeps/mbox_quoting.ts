/**
 * A mail as it stands in an mbox.
 *
 * @module
 */

const [LF, CR, GREATER] = [0x0a, 0x0d, 0x3e];
const from = new TextEncoder().encode("From ");

/**
 * Quotes a mail that arrives in chunks of any size for an mbox ("mboxrd"): a line that begins with "From ",
 * or with ">"s and that, gets one more ">". Lines end in LF alone, and an empty line follows the last one.
 */
export class MboxQuoting {
  /** The start of a line, as long as it may be one that is quoted; `undefined` within a line. */
  #start: number[] | undefined = [];
  #hasCr = false;

  /** The quoted form of the next bytes, as far as it is known. */
  push(chunk: Uint8Array): Uint8Array {
    const quoted: number[] = [];
    for (const byte of chunk) {
      if (this.#hasCr && byte !== LF) this.#add(quoted, CR);
      this.#hasCr = byte === CR;
      if (!this.#hasCr) this.#add(quoted, byte);
    }
    return Uint8Array.from(quoted);
  }

  /** What remains, and the end of the mail. */
  end(): Uint8Array {
    const quoted: number[] = [];
    if (this.#hasCr) this.#add(quoted, CR);
    const isInLine = this.#start === undefined || this.#start.length > 0;
    quoted.push(...(this.#start ?? []), ...(isInLine ? [LF] : []), LF);
    return Uint8Array.from(quoted);
  }

  #add(quoted: number[], byte: number): void {
    if (this.#start === undefined) quoted.push(byte);
    else {
      this.#start.push(byte);
      this.#decide(quoted, this.#start);
    }
    if (byte === LF) this.#start = [];
  }

  /** Writes the start of a line as soon as it is known whether it is quoted. */
  #decide(quoted: number[], start: number[]): void {
    const begins = start.findIndex((byte) => byte !== GREATER);
    const rest = begins === -1 ? [] : start.slice(begins);
    const mayBe = rest.every((byte, at) => byte === from[at]);
    if (mayBe && rest.length < from.length && start.length < longestStart) return;
    if (mayBe && rest.length === from.length) quoted.push(GREATER);
    quoted.push(...start);
    this.#start = undefined;
  }
}

/** How many bytes of a line are looked at. */
const longestStart = 998;
