/**
 * Reads the names in the JSON text that `user` answers a mask with, as the text arrives.
 *
 * @module
 */

import { decodeUtf8 } from "../core/bytes.ts";
import { RemoteProtocolError } from "../core/errors.ts";
import { quoteText } from "../core/peer_text.ts";
import { JsonValue } from "../doveadm/http/json_value.ts";

/** The longest name or key, in bytes, quotes included. */
const longest = 65_536;

/** What comes next in the text. */
type State =
  | "object"
  | "first key"
  | "key"
  | "colon"
  | "list"
  | "first name"
  | "name"
  | "after name"
  | "after list"
  | "end";

/** Where each sign outside of strings leads to. */
const states: Readonly<Record<State, Readonly<Record<string, State>>>> = {
  object: { "{": "first key" },
  "first key": { "}": "end" },
  key: {},
  colon: { ":": "list" },
  list: { "[": "first name" },
  "first name": { "]": "after list" },
  name: {},
  "after name": { ",": "name", "]": "after list" },
  "after list": { ",": "key", "}": "end" },
  end: {},
};

/** The states in which a string may come, and those after it. */
const strings: Partial<Record<State, State>> = {
  "first key": "colon",
  key: "colon",
  "first name": "after name",
  name: "after name",
};

/** Reads `{"userList":["alice","bob"]}`, in chunks of any size. */
export class UserListReader {
  #state: State = "object";
  #string: JsonValue | undefined;

  /** The names that end in a chunk. Throws a `RemoteProtocolError` for any other text. */
  push(chunk: Uint8Array): string[] {
    const names: string[] = [];
    for (let at = 0; at < chunk.length;) {
      if (this.#string === undefined) {
        at = this.#readSign(chunk, at);
        continue;
      }
      at = this.#string.read(chunk, at);
      if (this.#string.size > longest) throw unexpected(`a name of more than ${longest} bytes`);
      if (this.#string.isWhole) this.#endString(names);
    }
    return names;
  }

  /** Checks that the text is complete; one that is empty is complete, too. */
  end(): void {
    if (this.#state !== "end") throw unexpected("a list that has no end");
  }

  #readSign(chunk: Uint8Array, at: number): number {
    const sign = String.fromCharCode(chunk[at]);
    if (/[ \t\r\n]/.test(sign)) return at + 1;
    if (sign === '"' && strings[this.#state] !== undefined) {
      this.#string = new JsonValue();
      return at;
    }
    const next = Object.hasOwn(states[this.#state], sign) ? states[this.#state][sign] : undefined;
    if (next === undefined) {
      throw unexpected(quoteText(decodeUtf8(chunk.subarray(at, at + 100))) + " in its list");
    }
    this.#state = next;
    return at + 1;
  }

  #endString(names: string[]): void {
    let text: unknown;
    try {
      text = this.#string!.parse();
    } catch {
      throw unexpected("invalid JSON");
    }
    this.#string = undefined;
    // As bytes, it would be another user's name.
    if (!(text as string).isWellFormed()) throw unexpected("a name with half of a surrogate pair");
    const state = this.#state;
    this.#state = strings[state]!;
    if (this.#state === "after name") names.push(text as string);
    else if (text !== "userList") throw unexpected(`${quoteText(text as string)} and no list`);
  }
}

function unexpected(what: string): RemoteProtocolError {
  return new RemoteProtocolError(`"user" was answered with ${what}.`, { sent: true });
}
