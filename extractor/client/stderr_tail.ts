/**
 * The end of a process's stderr.
 *
 * @module
 */

import { Concealer, escapeControls } from "@dovewire/dovewire/core";
import { callListener } from "@dovewire/dovewire/transports";

/** How many characters are quoted at most. */
const maxQuoted = 4096;

/**
 * How many characters are kept before those, since a secret is recognised only where it is whole: more than the piece
 * of one that is left where the text was cut.
 */
const margin = 2048;

/** Keeps the end of a process's stderr for error messages, and passes on all of it. */
export class StderrTail {
  #concealer: Concealer;
  #onText: ((text: string) => void) | undefined;
  #decoder = new TextDecoder();
  #tail = "";

  /** Creates one; `secrets` don't appear in {@linkcode quoted}. */
  constructor(secrets: readonly string[], onText?: (text: string) => void) {
    this.#concealer = new Concealer(secrets);
    this.#onText = onText;
  }

  /** Takes what the process wrote. */
  push(chunk: Uint8Array): void {
    this.#add(this.#decoder.decode(chunk, { stream: true }));
  }

  /** Learns that no more comes. */
  end(): void {
    this.#add(this.#decoder.decode());
  }

  /** The end of it, at most 4 KiB, as the end of an error message; "" for nothing. */
  get quoted(): string {
    let text = this.#concealer.conceal(this.#tail);
    if (this.#tail.length > maxQuoted) {
      // Concealing makes the text shorter, and must not bring the piece at its cut into view.
      const least = this.#tail.length < maxQuoted + margin ? 0 : margin;
      text = `…${text.slice(Math.max(text.length - maxQuoted, least))}`;
    }
    text = text.trim().split(/\r?\n/).map(escapeControls).join("\n");
    return text === "" ? "" : ` Its stderr ends with:\n${text}`;
  }

  #add(text: string): void {
    if (text === "") return;
    this.#tail = (this.#tail + text).slice(-(maxQuoted + margin));
    callListener(this.#onText, text);
  }
}
