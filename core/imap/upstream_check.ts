/**
 * How a relay finds out that a server reads commands again.
 *
 * @module
 */

import { encodeUtf8, type OutputQueue } from "../bytes.ts";
import type { StateArchive } from "../state_archive.ts";
import type { StatusFrame } from "./response_reader.ts";

/** What an {@linkcode UpstreamCheck} needs. */
export interface UpstreamCheckOptions {
  /** Takes what goes to the server. */
  readonly output: OutputQueue;
  /** A tag of the relay's own that wasn't used before. */
  readonly nextTag: () => string;
}

/**
 * Asks a server that has answered a command in place of its literal whether it reads commands again.
 *
 * It should, and Dovecot doesn't always: after some answers to SETMETADATA, FILTER and CATENATE it skips the next
 * line, or asks for the literal after all. The client's next command would be lost then, or taken for the literal. So
 * two commands of the relay's own go first, of which one may be skipped, and the client's next one waits for the
 * second one's answer. They are CAPABILITY, which tells nothing of the mailbox.
 */
export class UpstreamCheck {
  readonly #options: UpstreamCheckOptions;
  /** The tags of commands without an answer; the first one may never get one. */
  #tags: readonly string[] = [];

  /** Creates one that is off. */
  constructor(options: UpstreamCheckOptions) {
    this.#options = options;
  }

  /** Whether the answer is awaited. */
  get isOn(): boolean {
    return this.#tags.length > 0;
  }

  /** Asks the server. */
  start(): void {
    const { output, nextTag } = this.#options;
    this.#tags = [nextTag(), nextTag()];
    for (const tag of this.#tags) output.push(encodeUtf8(`${tag} CAPABILITY\r\n`));
  }

  /** Takes a tagged response; returns whether it answers a command of this. */
  answer({ tag }: StatusFrame): boolean {
    const at = this.#tags.indexOf(tag!);
    if (at === -1) return false;
    this.#tags = this.#tags.slice(at + 1);
    return true;
  }

  /** Passes what is awaited through an archive. */
  archive(state: StateArchive): void {
    this.#tags = state.value(this.#tags);
  }
}
