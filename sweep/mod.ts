/**
 * Run something for very many users, and go on where it stopped.
 *
 * @module
 */

export { sweep } from "./sweep.ts";
export { everybody, type EverybodyOptions, type UserListing } from "./everybody.ts";
export { fileJournal, type FileJournalOptions } from "./file_journal.ts";
export type { SweepJournal } from "./journal.ts";
export { JournalError, SweepInterruptedError, SweepOrderError } from "./sweep_errors.ts";
export type { SweepContext, SweepOptions, SweepUsers, SweepWork } from "./sweep_options.ts";
export type { SweepProgress } from "./sweep_progress.ts";
export type { SweepFailure, SweepResult, SweepSuccess } from "./sweep_result.ts";
