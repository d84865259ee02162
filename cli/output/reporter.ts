/**
 * Reports errors and the servers' log lines on standard error, as text or as JSON.
 *
 * @module
 */

import { AuthenticationError, CommandError, type DoveadmLog } from "@dovewire/dovewire";
import { DovewireError, escapeControls, messageOf } from "@dovewire/dovewire/core";
import { combineExitCodes, exitCodeOf, exitCodes } from "./exit_codes.ts";
import { printableJson } from "./printable_json.ts";

/** What an error has to do with. */
export interface ErrorContext {
  readonly server?: string;
  readonly command?: string;
  readonly user?: string;
}

/** The library's message names its own option. */
const howToGivePassword =
  "It is read from --password-file, --password-command, the configuration file or DOVEWIRE_PASSWORD.";

/** Reports, and keeps the exit code that follows. */
export class Reporter {
  readonly #write: (text: string) => void;
  readonly #isJson: boolean;
  #exitCode: number = exitCodes.ok;

  /** Reports by `write`, a line at a time. */
  constructor(write: (text: string) => void, isJson: boolean) {
    this.#write = write;
    this.#isJson = isJson;
  }

  /** The exit code for what was reported. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Notes a failure that the output has told. */
  failed(): void {
    this.#exitCode = combineExitCodes(this.#exitCode, exitCodes.temporary);
  }

  /** Reports a line of a server's log. */
  log({ level, message, command }: DoveadmLog, server: string): void {
    if (this.#isJson) this.#print({ log: { level, message, command, server } });
    else {
      const kind = level[0].toUpperCase() + level.slice(1);
      // As doveadm prints it: "doveadm(alice): Error: …", without the server's ids of process and session.
      const [, prefix = "", text] = /^(\w+\([^)]*\))?(?:<[^>]*>)*(?:: )?(.*)$/s.exec(message) ?? [];
      this.#write(`${escapeControls(prefix)}${prefix && ": "}${kind}: ${escapeControls(text)}\n`);
    }
  }

  /** Reports something that isn't an error. */
  note(message: string): void {
    if (this.#isJson) this.#print({ note: message });
    else this.#write(`dovewire: ${printable(message)}\n`);
  }

  /** Reports an error. */
  error(error: unknown, context: ErrorContext = {}): void {
    const exitCode = exitCodeOf(error);
    this.#exitCode = combineExitCodes(this.#exitCode, exitCode);
    if (this.#isJson) {
      this.#print({ error: { ...this.#fieldsOf(error), exitCode, ...context } });
      return;
    }
    // The log has said it, in the server's own words.
    if (error instanceof CommandError && error.log.some(({ level }) => level === "error")) return;
    const where = [context.server, context.user].filter((part) => part !== undefined)
      .map((part) => `${escapeControls(part)}: `).join("");
    this.#write(`dovewire: ${where}${printable(this.#textOf(error))}\n`);
  }

  #textOf(error: unknown): string {
    // A mistake of the program itself: whoever reports it needs to know where.
    if (!(error instanceof DovewireError) && error instanceof Error && !("code" in error)) {
      return error.stack ?? error.message;
    }
    if (error instanceof AuthenticationError) return `${error.message} ${howToGivePassword}`;
    return messageOf(error);
  }

  #fieldsOf(error: unknown): Readonly<Record<string, unknown>> {
    const message = messageOf(error);
    if (!(error instanceof DovewireError)) return { code: "other", message, sent: false };
    const log = error instanceof CommandError ? error.log : [];
    return { code: error.code, message, sent: error.sent, log };
  }

  #print(value: object): void {
    this.#write(`${printableJson(value)}\n`);
  }
}

/** A text of several lines, in which nothing controls a terminal: it may quote a server or a file. */
function printable(text: string): string {
  return text.split("\n").map(escapeControls).join("\n");
}
