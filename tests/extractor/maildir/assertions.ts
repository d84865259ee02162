/**
 * What tests of maildirs compare, and how.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { MailFile } from "../../../extractor/maildir/maildir.ts";
import { ExtractorFailure } from "../../../extractor/messages/failure.ts";

export const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
export const encode = (text: string) => new TextEncoder().encode(text);
export const mids = (mails: readonly MailFile[]) => mails.map(({ mid }) => mid);

/** Asserts that a call fails with a code and a reason. */
export function refused(code: string, act: () => unknown, message = /./): void {
  assert.throws(act, (error) => {
    assert(error instanceof ExtractorFailure, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}
