/**
 * The log lines that a server passes on to its client.
 *
 * @module
 */

import { decodeUtf8, GatheredBytes, indexOfLineFeed } from "../bytes.ts";
import { RemoteProtocolError } from "../errors.ts";

/** How bad it is. */
export type LogLevel = "debug" | "info" | "warning" | "error" | "fatal" | "panic";

/** The levels in the order of the bytes that stand for them on the wire, from \x01 on. */
export const logLevels: readonly LogLevel[] = [
  "debug",
  "info",
  "warning",
  "error",
  "fatal",
  "panic",
];

/** One line of a server's log. */
export interface LogLine {
  /** How bad it is. */
  readonly level: LogLevel;
  /** What it says, with the server's prefix in front: `doveadm(alice)<16524><Uxc…>: Failed to …`. */
  readonly message: string;
}

/**
 * Reads the log channel: lines of a byte for the level, the message and LF.
 *
 * A line without a level counts as a warning, and an empty one for nothing, as in Dovecot's own client
 * (src/lib-doveadm/doveadm-client.c). Servers of 2.3 send such lines where a name that they quote has
 * a line feed in it.
 */
export class LogReader {
  #limit: number;
  #bytes = new GatheredBytes();

  /** Makes one; a line may have `limit` bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Reads on in `bytes[start..end)` up to the end of a line: what stands behind it begins at `next`.
   * Throws a {@linkcode RemoteProtocolError} for a line that is longer than the limit.
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
      return { line: lineOf(bytes.subarray(start, stop)), next: found + 1 };
    }
    this.#bytes.push(bytes, start, stop);
    return found === -1 ? { next: end } : { line: lineOf(this.#bytes.take()), next: found + 1 };
  }

  /** The line that the connection's end cut short, if there is one. */
  end(): LogLine | undefined {
    return lineOf(this.#bytes.take());
  }
}

/** What a line says, without its LF; nothing, if it is empty. */
function lineOf(line: Uint8Array): LogLine | undefined {
  if (line.length === 0) return undefined;
  const level = logLevels[line[0] - 1];
  return level === undefined
    ? { level: "warning", message: decodeUtf8(line) }
    : { level, message: decodeUtf8(line.subarray(1)) };
}
