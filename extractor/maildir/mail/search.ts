/**
 * Searching mails for a pattern, in a time that is bounded for any pattern and any mail.
 *
 * @module
 */

import { RE2JS } from "re2js";
import { ExtractorFailure } from "../../messages/failure.ts";
import { htmlToText } from "./html_text.ts";
import { parseMail } from "./mail.ts";

/** How much a search may take. */
export interface SearchLimits {
  /** How many characters a pattern may have: 1,000. */
  readonly maxPatternLength: number;
  /** How many instructions of RE2 a pattern may compile to, where "{100}" counts a hundredfold: 1,000. */
  readonly maxProgramSize: number;
  /** How many bytes of a mail are searched, from its start on: 32 MiB. */
  readonly maxMailSize: number;
  /** How many characters of HTML are searched in a mail: 4 Mi. */
  readonly maxHtmlLength: number;
  /**
   * How many steps a mail may take at worst, which is the instructions of the pattern times the
   * characters searched: 100 million, some two seconds. Texts after that aren't searched: with a
   * pattern of 10 instructions those after 10 million characters, with one of 1,000 those after
   * 100,000.
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
 * A pattern of RE2's syntax (https://github.com/google/re2/wiki/Syntax) that mails are searched for.
 * It has no back references and no lookahead, so that the time it takes grows with a text's length
 * alone: such patterns as `(a+)+$` are harmless.
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
   * Compiles a pattern; throws `ExtractorFailure` "invalid" for one that is no pattern, or is too large.
   */
  constructor(pattern: string, limits: Partial<SearchLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
    this.#pattern = compile(pattern, this.#limits);
  }

  /**
   * Whether the pattern finds something in the subject of a mail or in one of its texts; in mails
   * within it as well, and not in attachments. HTML is searched as the text that it shows.
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
      `The pattern has ${pattern.length} characters, and may have ${maxPatternLength}. Shorten it.`,
    );
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExtractorFailure(
      "invalid",
      `The pattern can't be read as a regular expression of RE2: ${reason}. Correct it, or put a ` +
        'backslash before characters that are meant as they are, or all of it between "\\Q" and "\\E".',
      { cause: error },
    );
  }
  if (compiled.programSize() > maxProgramSize) {
    throw new ExtractorFailure(
      "invalid",
      `The pattern comes to ${compiled.programSize()} steps, and may come to ${maxProgramSize}. ` +
        'Shorten it, or repeat less often where it has counts such as "{100}".',
    );
  }
  return compiled;
}
