/**
 * Journals: where a sweep notes how far it is.
 *
 * @module
 */

import { messageOf } from "../core/error_text.ts";
import { JournalError } from "./sweep_errors.ts";

/**
 * Keeps one short text, which says how far a sweep is: some hundred bytes, and about fifty more for each user
 * under way. A journal can be used by one sweep at a time.
 *
 * @example A journal in a table of a database
 * ```ts
 * import { sweep, type SweepJournal } from "@dovewire/dovewire/sweep";
 * import assert from "node:assert/strict";
 *
 * const table = new Map<string, string>();
 * const journal: SweepJournal = {
 *   load: async () => table.get("reindex"),
 *   save: async (text) => void table.set("reindex", text),
 * };
 * const users = ["alice", "bob"];
 * for await (const { user } of sweep(users, () => {}, { journal })) console.log(user);
 * for await (const _ of sweep(users, () => {}, { journal })) assert.fail("both are done");
 * ```
 */
export interface SweepJournal {
  /** The text that was saved last; `undefined` if there is none. Called once, at the start. */
  load(): Promise<string | undefined>;
  /**
   * Replaces the text, wholly or not at all, and resolves when it would outlive the process. Called again
   * only after that.
   */
  save(text: string): Promise<void>;
  /** Called at the end of a sweep whose `load()` succeeded. */
  close?(): Promise<void>;
}

/** A user that is not done, in a journal. */
export interface OpenUser {
  readonly index: number;
  readonly user: string;
  /** Whether the work was begun. */
  readonly isBegun: boolean;
}

/** How far a sweep is: the first `position` users of its input are done, apart from the open ones. */
export interface SweepState {
  readonly position: number;
  /** The fingerprint of those users' names. */
  readonly hash: string;
  readonly open: readonly OpenUser[];
}

/** A user as a part of {@linkcode encodeState}, which is made once for many texts. */
export function encodeOpen({ index, user, isBegun }: OpenUser): string {
  return JSON.stringify([index, user, isBegun ? 1 : 0]);
}

/** A state as the text of a journal; `open` has what {@linkcode encodeOpen} returned. */
export function encodeState(
  { position, hash, open }: Omit<SweepState, "open"> & { readonly open: readonly string[] },
): string {
  const state = JSON.stringify({ sweep: 1, position, hash });
  return `${state.slice(0, -1)},"open":[${open.join(",")}]}`;
}

/** The state in the text of a journal. Throws a `JournalError` for any other text. */
export function decodeState(text: string): SweepState {
  const state = readJson(text);
  const { sweep, position, hash, open } = state as Readonly<Record<string, unknown>>;
  if (typeof sweep === "number" && sweep > 1) {
    throw new JournalError(
      `The journal has the format ${sweep}, of a later version. Go on with that version.`,
    );
  }
  if (sweep !== 1 || !isIndex(position) || typeof hash !== "string" || !Array.isArray(open)) {
    throw notOurs();
  }
  const users = open.map((entry) => readOpen(entry, position));
  if (new Set(users.map(({ index }) => index)).size < users.length) throw notOurs();
  return { position, hash, open: users };
}

function readOpen(entry: unknown, position: number): OpenUser {
  if (!Array.isArray(entry)) throw notOurs();
  const [index, user, begun] = entry;
  if (!isIndex(index) || index >= position || typeof user !== "string") throw notOurs();
  return { index, user, isBegun: begun !== 0 };
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readJson(text: string): unknown {
  if (typeof text !== "string") throw notOurs();
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw notOurs();
  }
}

function notOurs(): JournalError {
  return new JournalError(
    "The journal has a text that no sweep wrote. Give each sweep a journal of its own.",
  );
}

/** The error for a journal that failed. */
export function journalError(what: string, cause: unknown): JournalError {
  if (cause instanceof JournalError) return cause;
  return new JournalError(`The sweep's journal can't be ${what}: ${messageOf(cause)}`, { cause });
}
