/**
 * Malformed mails, each of which must still have a head and a body. Each call yields the same ones in the
 * same order, created one by one, since some are large.
 *
 * @module
 */

import { toBytes } from "./strange_text.ts";
import { addresses, dates, headers } from "./strange_headers.ts";
import { bodies, broken, charsets, large } from "./strange_bodies.ts";
import { structures } from "./strange_structures.ts";

/** A malformed mail. */
export interface StrangeMail {
  /** Its description, which is unique. */
  readonly name: string;
  /** The mail. */
  readonly bytes: Uint8Array;
  /** The expected decoded subject, if there is only one right answer. */
  readonly subject?: string;
  /** The expected contents of its leaf parts in order, if there is only one right answer. */
  readonly leaves?: readonly string[];
}

/** All malformed mails; texts in `leaves` and `subject` are plain, but contents are strings of bytes. */
export function* strangeMails(): Generator<StrangeMail> {
  const names = new Set<string>();
  for (const mails of [headers, addresses, dates, bodies, charsets, structures, broken, large]) {
    for (const { name, text, ...expected } of mails()) {
      if (names.has(name)) throw new Error(`Two mails are called "${name}".`);
      names.add(name);
      yield { name, bytes: toBytes(text), ...expected };
    }
  }
}
