/**
 * Reads the words of a search query one after the other, and creates errors for them.
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";

/** An invalid search query, with the word at fault. */
export class QueryError extends LocalProtocolError {
  /** The class's name. */
  override name = "QueryError";
  /** The word's index, from 0; the number of words for one that is missing at the end. */
  readonly index: number;
  /** The reason, as a part of a sentence. */
  readonly reason: string;

  /** Creates an error. `what` names the query in the message. */
  constructor(reason: string, index: number, what = "The search query") {
    super(`${what} is invalid: ${reason}.`);
    this.index = index;
    this.reason = reason;
  }
}

/** A query that is nested deeper than {@linkcode deepestQuery}, which may be valid otherwise. */
export class DeepQueryError extends QueryError {
  /** The class's name. */
  override name = "DeepQueryError";
}

/** The deepest nesting of lists, "not" and the like in a query. */
export const deepestQuery = 500;

/** Reads the words of a query. */
export class QueryWords {
  readonly #words: readonly string[];
  #at = 0;
  #lists = 0;
  #depth = 0;
  /** The index of the current key. */
  #keyAt = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  /** The current key, in quotes. */
  get key(): string {
    return quoted(this.#words[this.#keyAt]);
  }

  /** The index of the current key. */
  get keyAt(): number {
    return this.#keyAt;
  }

  /**
   * The next key: a name, or "(" for a list, which is open from then on; `undefined` at the end of the list
   * or the query.
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

  /** The value after the key; `wanted` describes it. */
  value(wanted: string): string {
    const word = this.#words[this.#at];
    if (word !== undefined) {
      this.#at++;
      return word;
    }
    throw this.wrong(`${this.key} ${this.#place(this.#keyAt)} needs ${wanted} after it`, this.#at);
  }

  /** Skips the next word if it is this one, in any case; returns whether it was. */
  skip(upper: string): boolean {
    const isThere = this.#words[this.#at] !== undefined &&
      upperCase(this.#words[this.#at]) === upper;
    if (isThere) this.#at++;
    return isThere;
  }

  /** Reads a nested structure; throws if it is too deep. */
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

  /** The error for the last value, which is not what was wanted. */
  wrongValue(wanted: string): QueryError {
    const at = this.#at - 1;
    return this.wrong(
      `${this.key} needs ${wanted} after it, and not ${quoted(this.#words[at])} ` +
        this.#place(at),
      at,
    );
  }

  /** The error for the current key. */
  wrongKey(what: string): QueryError {
    return this.wrong(`${what} ${this.key} ${this.#place(this.#keyAt)}`, this.#keyAt);
  }

  /** An error at a word. */
  wrong(reason: string, index: number): QueryError {
    return new QueryError(reason, index);
  }

  /** The position of a word, for messages. */
  #place(index: number): string {
    return `(word ${index + 1} of ${this.#words.length})`;
  }
}

/** A text with its ASCII letters in upper case: Dovecot compares names without case. */
export function upperCase(text: string): string {
  return text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** A word for messages: quoted and shortened. */
function quoted(word: string): string {
  return JSON.stringify(word.length > 60 ? `${word.slice(0, 60)}…` : word);
}
