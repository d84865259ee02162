/**
 * Search queries for the embedded server: those of Dovecot, except two keys.
 *
 * @module
 */

import type { DovecotVersion } from "../../core/doveadm/catalogue/mod.ts";
import { QueryError } from "../../core/doveadm/query/query_words.ts";
import { parseQuery } from "../../core/doveadm/query/parse_query.ts";
import type { SearchKey as ParsedKey } from "../../core/doveadm/query/search_key.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import { SequenceSet } from "./sequence_set.ts";

export type { FieldUse, SearchDate } from "../../core/doveadm/query/search_key.ts";

/** The keys that differ from the parser's output: sets that know their numbers, and plain numbers. */
type OwnKey =
  | { readonly type: "and" | "or"; readonly keys: readonly SearchKey[] }
  | { readonly type: "not"; readonly key: SearchKey }
  | { readonly type: "sequences" | "uids"; readonly set: SequenceSet }
  | { readonly type: "real-uids"; readonly set: SequenceSet }
  | { readonly type: "larger" | "smaller"; readonly size: number }
  | { readonly type: "modseq"; readonly modseq: number; readonly keyword?: string };

/** A condition that mails match or don't. */
export type SearchKey =
  | OwnKey
  | Exclude<ParsedKey, { readonly type: OwnKey["type"] | "in-thread" | "mime-part" }>;

/** A search query. */
export interface SearchQuery {
  /** The condition for mails. */
  readonly key: SearchKey;
  /** Whether the first mail of a mailbox that doesn't match ends the search there. */
  readonly oldestOnly: boolean;
}

/** Parses a query of a version. Throws a `CommandFailure`, "USAGE", with the reason as its `log`. */
export function parseSearchQuery(args: readonly string[], version: DovecotVersion): SearchQuery {
  try {
    const { key, oldestOnly } = parseQuery(args, version);
    return { key: runnable(key), oldestOnly };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new CommandFailure("USAGE", { log: error.message, cause: error });
  }
}

function runnable(key: ParsedKey): SearchKey {
  switch (key.type) {
    case "and":
    case "or":
      return { type: key.type, keys: key.keys.map(runnable) };
    case "not":
      return { type: "not", key: runnable(key.key) };
    case "sequences":
    case "uids":
    case "real-uids":
      return { type: key.type, set: new SequenceSet(key.ranges) };
    case "larger":
    case "smaller":
      return { type: key.type, size: Number(key.size) };
    case "modseq":
      return { ...key, modseq: Number(key.modseq) };
    case "in-thread":
    case "mime-part": {
      const name = key.type === "in-thread" ? "INTHREAD" : "MIMEPART";
      throw new CommandFailure("USAGE", {
        log: `The embedded server doesn't know the search key ${name}.`,
      });
    }
    default:
      return key;
  }
}
