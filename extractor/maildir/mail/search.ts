/**
 * Searches mails for a pattern, in bounded time for any pattern and any mail.
 *
 * @module
 */

import { RE2JS } from "re2js";
import { ExtractorFailure } from "../../messages/failure.ts";
import { htmlToText } from "./html_text.ts";
import { parseMail } from "./mail.ts";

/** The limits of a search. */
export interface SearchLimits {
  /** The maximum length of a pattern in characters: 1,000. */
  readonly maxPatternLength: number;
  /** The maximum number of RE2 instructions of a pattern, where "{100}" counts a hundredfold: 1,000. */
  readonly maxProgramSize: number;
  /** How many bytes of a mail are searched, from its start on: 32 MiB. */
  readonly maxMailSize: number;
  /** How many characters of HTML are searched in a mail: 4 Mi. */
  readonly maxHtmlLength: number;
  /**
   * The maximum number of steps for a mail, the pattern's instructions times the characters searched: 100
   * million, some two seconds. Later texts aren't searched: with a pattern of 10 instructions those after 10
   * million characters, with one of 1,000 those after 100,000.
   */
  readonly maxSteps: number;
}

const defaultLimits: SearchLimits = {
  maxPatternLength: 1000,
  maxProgramSize: 1000,
  maxMailSize: 33_554_432,
  maxHtmlLength: 4_194_304,
  maxSteps: 100_000_000,
};

/**
 * A pattern in RE2's syntax (https://github.com/google/re2/wiki/Syntax) to search mails for. It has no
 * back references and no lookahead, so that its time is linear in a text's length: patterns such as
 * `(a+)+$` are harmless.
 *
 * @example
 * ```ts
 * import { TextSearch } from "./search.ts";
 * import assert from "node:assert/strict";
 *
 * const search = new TextSearch("(?i)how (is|are) you");
 * const mail = new TextEncoder().encode("Subject: Hello\r\n\r\nHow are you?\r\n");
 * assert.equal(await search.matches(mail), true);
 * ```
 */
export class TextSearch {
  readonly #pattern: RE2JS;
  readonly #limits: SearchLimits;

  /**
   * Compiles a pattern; throws an `ExtractorFailure` "invalid" for an invalid or too large one.
   */
  constructor(pattern: string, limits: Partial<SearchLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
    this.#pattern = compile(pattern, this.#limits);
  }

  /**
   * Whether the pattern matches the subject of a mail or one of its texts, including nested mails but not
   * attachments. HTML is searched as its visible text.
   */
  async matches(mail: Uint8Array): Promise<boolean> {
    const { maxMailSize, maxHtmlLength, maxSteps } = this.#limits;
    const parsed = parseMail(mail.subarray(0, maxMailSize));
    let html = maxHtmlLength;
    let room = Math.floor(maxSteps / this.#pattern.programSize());
    for (const subject of parsed.subjects()) {
      if (this.#pattern.test(subject.slice(0, room))) return true;
      room = Math.max(0, room - subject.length);
    }
    for (const { contentType, text } of parsed.texts()) {
      if (room === 0) return false;
      const isHtml = contentType === "text/html";
      const shown = isHtml ? await htmlToText(text.slice(0, html)) : text;
      if (isHtml) html = Math.max(0, html - text.length);
      if (this.#pattern.test(shown.slice(0, room))) return true;
      room = Math.max(0, room - shown.length);
    }
    return false;
  }
}

function compile(pattern: string, { maxPatternLength, maxProgramSize }: SearchLimits): RE2JS {
  if (pattern.length > maxPatternLength) {
    throw new ExtractorFailure(
      "invalid",
      `The pattern has ${pattern.length} characters; the limit is ${maxPatternLength}. Shorten it.`,
    );
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExtractorFailure(
      "invalid",
      `The pattern is not a valid regular expression of RE2: ${reason}. Correct it, or put a ` +
        'backslash before characters that are meant as they are, or all of it between "\\Q" and "\\E".',
      { cause: error },
    );
  }
  if (compiled.programSize() > maxProgramSize) {
    throw new ExtractorFailure(
      "invalid",
      `The pattern compiles to ${compiled.programSize()} steps; the limit is ${maxProgramSize}. ` +
        'Shorten it, or repeat less often where it has counts such as "{100}".',
    );
  }
  return compiled;
}
