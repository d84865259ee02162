/**
 * Parsed search queries, as data.
 *
 * @module
 */

import type { NumberRange } from "./number_set.ts";
import type { SearchTime } from "./search_time.ts";

/** Which of a message's dates is compared. */
export type SearchDate = "received" | "sent" | "saved";

/**
 * How the value of a header field is compared: as it is, with white space reduced to single spaces, or with
 * its addresses in a uniform format.
 */
export type FieldUse = "text" | "spaced" | "addresses";

/** A condition for messages. */
export type SearchKey =
  | { readonly type: "all" }
  | { readonly type: "and" | "or"; readonly keys: readonly SearchKey[] }
  | { readonly type: "not"; readonly key: SearchKey }
  | { readonly type: "sequences" | "uids"; readonly ranges: readonly NumberRange[] }
  /** The same as "uids", but for virtual mailboxes. */
  | { readonly type: "real-uids"; readonly ranges: readonly NumberRange[] }
  /** A system flag, spelled as in IMAP. */
  | { readonly type: "flag"; readonly flag: string }
  | { readonly type: "recent" }
  | { readonly type: "keyword"; readonly keyword: string }
  | {
    readonly type: "before" | "on" | "since";
    readonly date: SearchDate;
    readonly time: SearchTime;
  }
  | { readonly type: "larger" | "smaller"; readonly size: bigint }
  /** A text in a header field; with an empty text, that the field exists. */
  | {
    readonly type: "header";
    readonly field: string;
    readonly text: string;
    readonly as: FieldUse;
  }
  | { readonly type: "body" | "text"; readonly text: string }
  /** The keyword is ignored: the modification sequence is that of any change. */
  | { readonly type: "modseq"; readonly modseq: bigint; readonly keyword?: string }
  | { readonly type: "guid" | "mailbox-guid"; readonly guid: string }
  | { readonly type: "mailbox"; readonly name: string }
  | { readonly type: "mailbox-mask"; readonly mask: string }
  /** All messages of a thread in which one matches the condition. */
  | { readonly type: "in-thread"; readonly algorithm: string; readonly key: SearchKey }
  /** One of the message's MIME parts matches conditions, which are checked and not stored. */
  | { readonly type: "mime-part" };

/** A search query. */
export interface SearchQuery {
  /** The conditions: a list of the query's keys. */
  readonly key: SearchKey & { readonly type: "and" | "or" };
  /** Whether the search in a mailbox ends at the first message that doesn't match. */
  readonly oldestOnly: boolean;
}
