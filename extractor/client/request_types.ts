/**
 * What the methods of an extractor's client take, and what some of them return.
 *
 * @module
 */

import type { MailPart } from "./values.ts";

/** What mails are sorted by, in ascending order. */
export type SortKey = "date" | "sender" | "subject" | "size";

/** An order of mails; with "!" before it a descending one: "!date" has the newest first. */
export type SortBy = SortKey | `!${SortKey}`;

/** A page of a folder. */
export interface ListQuery {
  /** The index of the first mail, from 0 on; 0 if left out. */
  start?: number;
  /** The index after the last mail; `start` + 50 if left out. */
  end?: number;
  /** The order; "date" if left out. */
  sortBy?: SortBy;
  /** The folder; the inbox if left out. */
  folder?: string;
}

/** How many mails a folder has. */
export interface FolderCount {
  /** How many mails. */
  readonly count: number;
  /** Their total size in bytes. */
  readonly size: number;
  /** How many of them are unread. */
  readonly unseen: number;
}

/** A search. */
export interface SearchQuery {
  /** A regular expression in RE2's syntax that a part of the subject or text matches; "(?i)" ignores case. */
  pattern: string;
  /** The folder; the inbox if left out. */
  folder?: string;
}

/** A range of a mail's bytes. */
export interface ByteRange {
  /** The first byte, from 0 on; 0 if left out. */
  offset?: number;
  /** How many bytes at most; all that follow if left out. */
  length?: number;
}

/** A part of a mail and its content. */
export interface PartContent {
  /** The part, without `text`, `parts` and `mail`. */
  readonly part: MailPart;
  /** The content without its transfer encoding, in its own charset. */
  readonly data: Uint8Array;
}

/** A mail to add. */
export interface NewMail {
  /** The mail, byte for byte; a string is taken as UTF-8. */
  data: Uint8Array | string;
  /** The folder; the inbox if left out. */
  folder?: string;
  /** Whether it is read already; `false` if left out. */
  seen?: boolean;
  /** When it was delivered; now if left out. */
  dateReceived?: Date;
}
