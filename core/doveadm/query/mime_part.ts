/**
 * Reads the argument of MIMEPART in a search query: conditions for one of a message's parts.
 *
 * Source: Dovecot's src/lib-storage/mail-search-mime-register.c and mail-search-mime-build.c.
 *
 * @module
 */

import type { DovecotVersion } from "../catalogue/command_info.ts";
import { type QueryWords, upperCase } from "./query_words.ts";
import { readSearchDay, readUnsigned } from "./search_time.ts";

/** The context of a key: EXISTS is valid only directly after PARENT or CHILD. */
type Place = "list" | "relation" | "top";

/** Keys with texts after them, and the number of texts. */
const texts: Readonly<Record<string, number>> = {
  DESCRIPTION: 1,
  ENCODING: 1,
  ID: 1,
  LANGUAGE: 1,
  LOCATION: 1,
  MD5: 1,
  TYPE: 1,
  SUBTYPE: 1,
  PARAM: 2,
  HEADER: 2,
  BCC: 1,
  CC: 1,
  FROM: 1,
  "IN-REPLY-TO": 1,
  "MESSAGE-ID": 1,
  "REPLY-TO": 1,
  SENDER: 1,
  SUBJECT: 1,
  TO: 1,
  BODY: 1,
  TEXT: 1,
};

/** Keys with one of these words after them, and the number of texts after that. */
const choices: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  DISPOSITION: { TYPE: 1, PARAM: 2 },
  FILENAME: { IS: 1, CONTAINS: 1, BEGINS: 1, ENDS: 1 },
};

/** Keys with one of these words and a number after them, and the number's bits. */
const numbers: Readonly<
  Record<string, { readonly words: readonly string[]; readonly bits: number }>
> = {
  SIZE: { words: ["LARGER", "SMALLER"], bits: 64 },
  DEPTH: { words: ["MIN", "MAX"], bits: 32 },
  INDEX: { words: [], bits: 32 },
};

/** Reads the argument of MIMEPART: one key, or a list of them. */
export function readMimePart(words: QueryWords, version: DovecotVersion): void {
  new MimePartReader(words, version).readRequired("top");
}

class MimePartReader {
  readonly #words: QueryWords;
  readonly #version: DovecotVersion;

  constructor(words: QueryWords, version: DovecotVersion) {
    this.#words = words;
    this.#version = version;
  }

  /** Reads a required key. */
  readRequired(place: Place): void {
    const { key, keyAt } = this.#words;
    if (!this.#read(place)) {
      throw this.#words.wrong(`${key} needs a key of a MIME part after it`, keyAt + 1);
    }
  }

  /** Reads a key; returns whether there was one, or the list ended. */
  #read(place: Place): boolean {
    const name = this.#words.nextKey();
    if (name === undefined) return false;
    this.#words.nested(() => name === "(" ? this.#readList() : this.#readNamed(name, place));
    return true;
  }

  #readList(): void {
    let isEmpty = true;
    const { keyAt } = this.#words;
    while (this.#read("list")) isEmpty = false;
    if (isEmpty) throw this.#words.wrong('there is nothing between "(" and ")"', keyAt);
  }

  #readNamed(name: string, place: Place): void {
    const words = this.#words;
    const key = upperCase(name);
    if (Object.hasOwn(texts, key)) return this.#readTexts(texts[key]);
    if (Object.hasOwn(numbers, key)) return this.#readNumber(key);
    if (Object.hasOwn(choices, key)) {
      const wanted = `one of ${Object.keys(choices[key]).join(", ")}`;
      const choice = upperCase(words.value(wanted));
      if (!Object.hasOwn(choices[key], choice)) throw words.wrongValue(wanted);
      return this.#readTexts(choices[key][choice]);
    }
    switch (key) {
      case "NOT":
        return this.readRequired(place);
      case "OR":
        do this.readRequired("list"); while (words.skip("OR"));
        return this.readRequired("list");
      case "PARENT":
      case "CHILD":
        return this.readRequired("relation");
      case "EXISTS":
        if (place === "relation") return;
        throw words.wrongKey("only PARENT and CHILD can have the key");
      case "SENTBEFORE":
      case "SENTON":
      case "SENTSINCE":
        return this.#readDate();
    }
    throw words.wrongKey("MIMEPART has no key");
  }

  #readTexts(count: number): void {
    for (let at = 0; at < count; at++) this.#words.value(count === 1 ? "a text" : "two texts");
  }

  #readNumber(key: string): void {
    const { words: before, bits } = numbers[key];
    const wanted = "a number";
    let value = this.#words.value(wanted);
    if (before.includes(upperCase(value))) value = this.#words.value(wanted);
    if (readUnsigned(value, bits) === undefined) throw this.#words.wrongValue(wanted);
  }

  #readDate(): void {
    const wanted = 'a date like "31-Jan-2026"';
    const day = readSearchDay(this.#words.value(wanted), this.#version);
    if (day === undefined) throw this.#words.wrongValue(wanted);
  }
}
