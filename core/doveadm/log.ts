/**
 * Log lines that a server sends to its client.
 *
 * @module
 */

import { decodeUtf8, GatheredBytes, indexOfLineFeed } from "../bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import { shownValue } from "../option_checks.ts";

/** The severity of a log line. */
export type LogLevel = "debug" | "info" | "warning" | "error" | "fatal" | "panic";

/** The levels in the order of their bytes on the wire, from \x01 on. */
export const logLevels: readonly LogLevel[] = [
  "debug",
  "info",
  "warning",
  "error",
  "fatal",
  "panic",
];

/** Throws a `LocalProtocolError` unless a line can have that level and message. */
export function checkLogLine(level: LogLevel, message: string): void {
  if (!logLevels.includes(level)) {
    throw new LocalProtocolError(
      `${shownValue(level)} is not a log level. Use one of ${logLevels.join(", ")}.`,
    );
  }
  if (typeof message !== "string") {
    throw new LocalProtocolError(`A log message is ${shownValue(message)}. Use a string.`);
  }
}

/** One line of a server's log. */
export interface LogLine {
  /** The severity. */
  readonly level: LogLevel;
  /** The message, which starts with the server's prefix: `doveadm(alice)<16524><Uxc…>: Failed to …`. */
  readonly message: string;
}

/**
 * Reads the log channel: lines of a byte for the level, the message and LF.
 *
 * A line without a level is a warning, and an empty one is ignored, as in Dovecot's own client
 * (src/lib-doveadm/doveadm-client.c). Servers of 2.3 send such lines if a name that they quote contains a
 * line feed.
 */
export class LogReader {
  #limit: number;
  #bytes = new GatheredBytes();

  /** Creates a reader; a line may have `limit` bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether it refers to bytes that it has read, or may do so. */
  get holdsInput(): boolean {
    return this.#bytes.size > 0;
  }

  /**
   * Reads `bytes[start..end)` up to the end of a line; the rest starts at `next`. Throws a {@linkcode
   * RemoteProtocolError} for a line over the limit.
   */
  read(bytes: Uint8Array, start: number, end: number): { line?: LogLine; next: number } {
    const found = indexOfLineFeed(bytes, start, end);
    const stop = found === -1 ? end : found;
    if (this.#bytes.size + stop - start > this.#limit) {
      throw new RemoteProtocolError(
        `The server sent a log line of more than ${this.#limit} bytes. ` +
          'If that is what it logs, raise "limits.logLine".',
        { limit: "logLine" },
      );
    }
    if (found !== -1 && this.#bytes.size === 0) {
      return { line: parseLogLine(bytes.subarray(start, stop)), next: found + 1 };
    }
    this.#bytes.push(bytes, start, stop);
    return found === -1
      ? { next: end }
      : { line: parseLogLine(this.#bytes.take()), next: found + 1 };
  }

  /** The line that was cut by the connection's end, if any. */
  end(): LogLine | undefined {
    return parseLogLine(this.#bytes.take());
  }
}

/** The log line of a line without its LF; `undefined` if it is empty. */
export function parseLogLine(line: Uint8Array): LogLine | undefined {
  if (line.length === 0) return undefined;
  const level = logLevels[line[0] - 1];
  return level === undefined
    ? { level: "warning", message: decodeUtf8(line) }
    : { level, message: decodeUtf8(line.subarray(1)) };
}
