/**
 * The log lines of a command, for clients that ask for them.
 *
 * @module
 */

import { encodeUtf8 } from "../../../core/bytes.ts";
import { checkLogLine, type LogLevel } from "../../../core/doveadm/log.ts";

/** What a line takes besides its message, in bytes. */
const lineCost = 64;

/** The first log lines of a command. */
export class LogLines {
  readonly #lines: { level: LogLevel; message: string }[] = [];
  #left: number;
  #dropped = 0;

  /** Creates an empty list that may take `limit` bytes. */
  constructor(limit: number) {
    this.#left = limit;
  }

  /** Adds a line, if there is room. */
  add(level: LogLevel, message: string): void {
    checkLogLine(level, message);
    // The answer has it as JSON, in which a character takes up to six bytes.
    if (this.#left >= 0) this.#left -= lineCost + encodeUtf8(JSON.stringify(message)).length;
    if (this.#left < 0) this.#dropped++;
    else this.#lines.push({ level, message });
  }

  /** Adds the reason of a failure, if it has one. */
  addFailure({ log }: { readonly log: string | undefined }): void {
    if (log !== undefined) this.add("error", log);
  }

  /** The lines as JSON; a line at the end says how many there are more. */
  json(): string {
    const more = { level: "warning", message: `${this.#dropped} more lines are left out.` };
    return JSON.stringify(this.#dropped === 0 ? this.#lines : [...this.#lines, more]);
  }
}
