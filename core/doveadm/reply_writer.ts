/**
 * The server's output after the handshake: values, status lines and the log, in the channels and the format
 * of the session.
 *
 * @module
 */

import { concat, encodeUtf8, type OutputQueue } from "../bytes.ts";
import { type LogLevel, logLevels } from "./log.ts";
import {
  encodePacket,
  encodePacketHead,
  LOG_CHANNEL,
  MAIN_CHANNEL,
  type MultiplexFormat,
  StreamMultiplexer,
} from "./multiplex.ts";
import { tabEscape, tabEscapeBytes } from "./tab_escape.ts";

/** The largest packet for output in small pieces, as in Dovecot. */
const packetSize = 8192;

/**
 * The longest line of the log, in UTF-16 code units: at most 24 KiB. Dovecot's own client ends the connection at a line
 * of 32 KiB, or reads nothing more (MAX_INBUF_SIZE of src/doveadm/server-connection.c).
 */
const longestLogLine = 8192;

const tab = Uint8Array.of(0x09);
const emptyLogLine = Uint8Array.of(0x0a);

/** Writes a session's replies and log to an output. */
export class ReplyWriter {
  #output: OutputQueue;
  #stream: StreamMultiplexer | undefined;
  #isMultiplexed: boolean;
  /** Bytes of the conversation that are not in a packet yet. */
  #pending: Uint8Array[] = [];
  #pendingSize = 0;
  /**
   * Pieces of an incomplete value. They are held if the value is short: Dovecot's own client prints a value
   * in parts differently from a whole one.
   */
  #pieces: Uint8Array[] = [];
  #piecesSize = 0;

  /** Creates a writer; without a format there is one channel and no log. */
  constructor(output: OutputQueue, format: MultiplexFormat | undefined) {
    this.#output = output;
    this.#isMultiplexed = format !== undefined;
    this.#stream = format === "stream" ? new StreamMultiplexer() : undefined;
  }

  /** How many bytes are not in the output yet. */
  get pending(): number {
    return this.#pendingSize + this.#piecesSize;
  }

  /** Writes a value or, if it isn't `final`, the next piece of one. */
  field(value: string | Uint8Array, final: boolean): void {
    const bytes = typeof value === "string" ? encodeUtf8(tabEscape(value)) : tabEscapeBytes(value);
    if (bytes.length > 0) this.#pieces.push(bytes);
    this.#piecesSize += bytes.length;
    if (final) this.#pieces.push(tab);
    if (final || this.#piecesSize >= packetSize) this.#endPieces();
  }

  /** Writes the line that ends a reply: "+" or "-CODE". */
  status(line: string): void {
    this.#endPieces();
    this.#write(encodeUtf8(`\n${line}\n`));
  }

  /** Writes everything to the output: nothing more comes. */
  close(): void {
    this.#endPieces();
    this.flush();
  }

  /** Writes to the log; a message of several lines, or of a very long one, becomes several. */
  log(level: LogLevel, message: string): void {
    if (!this.#isMultiplexed) return;
    const type = String.fromCharCode(logLevels.indexOf(level) + 1);
    const lines = message.split(/\r?\n/).flatMap(shortLines).map((line) => `${type}${line}\n`);
    this.#writeLog(encodeUtf8(lines.join("")));
  }

  /** Writes an empty line to the log, which clients skip; returns whether there is a log. */
  probe(): boolean {
    if (this.#isMultiplexed) this.#writeLog(emptyLogLine);
    return this.#isMultiplexed;
  }

  /** Writes what is pending to the output, except pieces of a short incomplete value. */
  flush(): void {
    if (this.#pendingSize === 0) return;
    const pending = this.#pending;
    if (this.#stream !== undefined) {
      this.#output.push(this.#stream.encode(MAIN_CHANNEL, concat(pending)));
    } else {
      // Only the last can be large, and isn't copied; separate chunks for the others would take more memory
      // than their bytes.
      const large = pending[pending.length - 1].length >= packetSize ? pending.pop() : undefined;
      if (this.#isMultiplexed) pending.unshift(encodePacketHead(MAIN_CHANNEL, this.#pendingSize));
      this.#output.push(concat(pending));
      if (large !== undefined) this.#output.push(large);
    }
    this.#pending = [];
    this.#pendingSize = 0;
  }

  /** Stops holding the pieces. */
  #endPieces(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#piecesSize = 0;
    for (const piece of pieces) this.#write(piece);
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pending.push(bytes);
    this.#pendingSize += bytes.length;
    if (this.#pendingSize >= packetSize) this.flush();
  }

  /** Writes to the log channel, after the pending bytes of the conversation. */
  #writeLog(bytes: Uint8Array): void {
    this.#endPieces();
    this.flush();
    this.#output.push(
      this.#stream?.encode(LOG_CHANNEL, bytes) ?? encodePacket(LOG_CHANNEL, bytes),
    );
  }
}

/** A line of the log in pieces that any client takes; no character is split. */
function shortLines(line: string): readonly string[] {
  if (line.length <= longestLogLine) return [line];
  const lines: string[] = [];
  for (let start = 0; start < line.length;) {
    const end = start + longestLogLine;
    const isPairSplit = (line.codePointAt(end - 1) ?? 0) > 0xffff;
    const stop = isPairSplit ? end - 1 : end;
    lines.push(line.slice(start, stop));
    start = stop;
  }
  return lines;
}
