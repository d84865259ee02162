/**
 * What a process wrote to its stderr last.
 *
 * @module
 */

/** How much of it is kept, in characters. */
const kept = 4096;

/** How long a secret may be: the longest that fits into a prelude. */
const longestSecret = 512;

/** Gathers the end of a process's stderr, and passes on all of it. */
export class LastWords {
  #secrets: readonly string[];
  #onText: ((text: string) => void) | undefined;
  #decoder = new TextDecoder();
  #tail = "";

  /** Makes one; `secrets` are not shown in {@linkcode text}. */
  constructor(secrets: readonly string[], onText?: (text: string) => void) {
    // The longest first: one may be within the other.
    this.#secrets = secrets.filter((secret) => secret !== "")
      .sort((one, other) => other.length - one.length);
    this.#onText = onText;
  }

  /** Takes what was written. */
  push(chunk: Uint8Array): void {
    this.#add(this.#decoder.decode(chunk, { stream: true }));
  }

  /** Learns that no more comes. */
  end(): void {
    this.#add(this.#decoder.decode());
  }

  /** The end of it, at most some 4 KiB, as the end of a message; "" for nothing. */
  get text(): string {
    let text = this.#tail;
    for (const secret of this.#secrets) text = text.replaceAll(secret, "***");
    // Where it was cut, it may have been cut within a secret.
    if (this.#tail.length > kept) text = `…${text.slice(longestSecret)}`;
    text = printable(text).trim();
    return text === "" ? "" : ` Its stderr ends with:\n${text}`;
  }

  #add(text: string): void {
    if (text === "") return;
    this.#tail = (this.#tail + text).slice(-(kept + longestSecret));
    try {
      this.#onText?.(text);
    } catch (error) {
      // The caller's mistake, and no reason to end the conversation: it surfaces as an event
      // listener's would.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/** Text without what a terminal might obey. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll("\r\n", "\n").replaceAll(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, "\ufffd");
}
