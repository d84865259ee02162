/**
 * The words of a search query, read one after the other, and what to say of one that is wrong.
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";

/** What is wrong with a search query, and at which of its words. */
export class QueryError extends LocalProtocolError {
  /** The class's name. */
  override name = "QueryError";
  /** The word's index, from 0; the number of words for one that is missing at the end. */
  readonly index: number;
  /** What is wrong, as a sentence without its beginning. */
  readonly reason: string;

  /** Makes one. `what` is what the query is called in the message. */
  constructor(reason: string, index: number, what = "The search query") {
    super(`${what} is wrong: ${reason}.`);
    this.index = index;
    this.reason = reason;
  }
}

/** A query that is nested deeper than {@linkcode deepestQuery}: whether it is right isn't known. */
export class DeepQueryError extends QueryError {
  /** The class's name. */
  override name = "DeepQueryError";
}

/** How deep lists, "not" and the like may be nested for a query to be read. */
export const deepestQuery = 500;

/** Reads the words of a query. */
export class QueryWords {
  readonly #words: readonly string[];
  #at = 0;
  #lists = 0;
  #depth = 0;
  /** The index of the key that is being read. */
  #keyAt = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  /** The key that is being read, in quotes. */
  get key(): string {
    return quoted(this.#words[this.#keyAt]);
  }

  /** Where the key that is being read stands. */
  get keyAt(): number {
    return this.#keyAt;
  }

  /**
   * The next key: a name, or "(" for a list, which is open from then on; `undefined` where the list,
   * or the query, ends instead.
   */
  nextKey(): string | undefined {
    const word = this.#words[this.#at];
    if (word === undefined) {
      if (this.#lists > 0) throw this.wrong('a ")" is missing at its end', this.#at);
      return undefined;
    }
    this.#at++;
    if (word === ")") {
      if (this.#lists === 0) {
        throw this.wrong(`there is a ")" without a "(" ${this.#place(this.#at - 1)}`, this.#at - 1);
      }
      this.#lists--;
      return undefined;
    }
    this.#keyAt = this.#at - 1;
    if (word === "(") this.#lists++;
    return word;
  }

  /** The value that has to follow the key; `wanted` says what it is. */
  value(wanted: string): string {
    const word = this.#words[this.#at];
    if (word !== undefined) {
      this.#at++;
      return word;
    }
    throw this.wrong(`${this.key} ${this.#place(this.#keyAt)} needs ${wanted} after it`, this.#at);
  }

  /** Takes the next word if it is this one, in any case. */
  skip(upper: string): boolean {
    const isThere = this.#words[this.#at] !== undefined &&
      upperCase(this.#words[this.#at]) === upper;
    if (isThere) this.#at++;
    return isThere;
  }

  /** Reads something that may hold more of its kind; throws where that goes too deep. */
  nested<Result>(read: () => Result): Result {
    if (++this.#depth > deepestQuery) {
      throw new DeepQueryError(
        `it is nested more than ${deepestQuery} levels deep`,
        this.#at,
      );
    }
    const result = read();
    this.#depth--;
    return result;
  }

  /** The error for the value that was read last, which isn't what was wanted. */
  wrongValue(wanted: string): QueryError {
    const at = this.#at - 1;
    return this.wrong(
      `${this.key} needs ${wanted} after it, and not ${quoted(this.#words[at])} ` +
        this.#place(at),
      at,
    );
  }

  /** The error for the key that was read last. */
  wrongKey(what: string): QueryError {
    return this.wrong(`${what} ${this.key} ${this.#place(this.#keyAt)}`, this.#keyAt);
  }

  /** An error at a word. */
  wrong(reason: string, index: number): QueryError {
    return new QueryError(reason, index);
  }

  /** Where a word stands, as words. */
  #place(index: number): string {
    return `(word ${index + 1} of ${this.#words.length})`;
  }
}

/** A text with the letters of ASCII in upper case, as Dovecot compares names. */
export function upperCase(text: string): string {
  return text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** A word as a message shows it: in quotes, and not too long. */
function quoted(word: string): string {
  return JSON.stringify(word.length > 60 ? `${word.slice(0, 60)}…` : word);
}
