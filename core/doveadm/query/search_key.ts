/**
 * What a search query asks for, as data.
 *
 * @module
 */

import type { NumberRange } from "./number_set.ts";
import type { SearchTime } from "./search_time.ts";

/** Which of a message's dates is meant. */
export type SearchDate = "received" | "sent" | "saved";

/**
 * How the value of a header field is compared: as it is, with single spaces in place of all white
 * space, or with the addresses in it written in one way.
 */
export type FieldUse = "text" | "spaced" | "addresses";

/** A condition that messages meet or don't. */
export type SearchKey =
  | { readonly type: "all" }
  | { readonly type: "and" | "or"; readonly keys: readonly SearchKey[] }
  | { readonly type: "not"; readonly key: SearchKey }
  | { readonly type: "sequences" | "uids"; readonly ranges: readonly NumberRange[] }
  /** The same as "uids", but in mailboxes that Dovecot makes of others. */
  | { readonly type: "real-uids"; readonly ranges: readonly NumberRange[] }
  /** One of IMAP's flags, as it is spelled there. */
  | { readonly type: "flag"; readonly flag: string }
  | { readonly type: "recent" }
  | { readonly type: "keyword"; readonly keyword: string }
  | {
    readonly type: "before" | "on" | "since";
    readonly date: SearchDate;
    readonly time: SearchTime;
  }
  | { readonly type: "larger" | "smaller"; readonly size: bigint }
  /** A text in a header field, or with an empty text, that there is such a field. */
  | {
    readonly type: "header";
    readonly field: string;
    readonly text: string;
    readonly as: FieldUse;
  }
  | { readonly type: "body" | "text"; readonly text: string }
  /** The keyword is only named: the modification sequence is that of any change. */
  | { readonly type: "modseq"; readonly modseq: bigint; readonly keyword?: string }
  | { readonly type: "guid" | "mailbox-guid"; readonly guid: string }
  | { readonly type: "mailbox"; readonly name: string }
  | { readonly type: "mailbox-mask"; readonly mask: string }
  /** All messages of a thread in which one meets the condition. */
  | { readonly type: "in-thread"; readonly algorithm: string; readonly key: SearchKey }
  /** One of the message's MIME parts meets conditions of its own, which are checked and not kept. */
  | { readonly type: "mime-part" };

/** A search query. */
export interface SearchQuery {
  /** What messages have to be like: a list of the query's keys. */
  readonly key: SearchKey & { readonly type: "and" | "or" };
  /** Whether the first message of a mailbox that doesn't match ends the search there. */
  readonly oldestOnly: boolean;
}
