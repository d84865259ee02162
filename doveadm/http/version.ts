/**
 * Which version a server behind HTTP is.
 *
 * @module
 */

import { type DovecotVersion, versionOfList } from "../../core/doveadm/catalogue/mod.ts";
import type { HttpMethod } from "./exchange.ts";

/** A request that is under way, for everybody who waits for what it tells. */
interface Question {
  readonly answer: Promise<DovecotVersion>;
  readonly controller: AbortController;
  waiting: number;
}

/** The version of a server, which is asked by the first call that needs it, and then known. */
export class HttpVersion {
  #version: DovecotVersion | undefined;
  #question: Question | undefined;
  #list: (signal: AbortSignal) => Promise<readonly HttpMethod[]>;

  /** Takes what asks the server for its list of commands. */
  constructor(list: (signal: AbortSignal) => Promise<readonly HttpMethod[]>) {
    this.#list = list;
  }

  /**
   * The version. Rejects with why the server doesn't tell, and with the signal's reason. The request
   * is one for all who wait, and ends when nobody does any more.
   */
  async get(signal: AbortSignal): Promise<DovecotVersion> {
    if (this.#version !== undefined) return this.#version;
    signal.throwIfAborted();
    const question = this.#question ??= this.#ask();
    question.waiting++;
    let giveUp = () => {};
    const givenUp = new Promise<never>((_, reject) => {
      giveUp = () => reject(signal.reason);
      signal.addEventListener("abort", giveUp);
    });
    try {
      return await Promise.race([question.answer, givenUp]);
    } finally {
      signal.removeEventListener("abort", giveUp);
      question.waiting--;
      if (question.waiting === 0) {
        if (this.#question === question) this.#question = undefined;
        question.controller.abort();
      }
    }
  }

  #ask(): Question {
    const controller = new AbortController();
    const answer = this.#list(controller.signal).then((list) =>
      this.#version = versionOfList(list)
    );
    // Nobody may be left to hear of it.
    answer.catch(() => {});
    return { answer, controller, waiting: 0 };
  }
}
