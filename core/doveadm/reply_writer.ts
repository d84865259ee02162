/**
 * What a server sends behind the handshake: values, status lines and the log, in the channels and
 * the format of the session.
 *
 * @module
 */

import { concat, encodeUtf8, type OutputQueue } from "../bytes.ts";
import { type LogLevel, logLevels } from "./log.ts";
import { encodePacketHead, LOG_CHANNEL, MAIN_CHANNEL, StreamMultiplexer } from "./multiplex.ts";
import type { MultiplexFormat } from "./multiplex.ts";
import { tabEscape, tabEscapeBytes } from "./tab_escape.ts";

/** How much of the conversation is put into one packet, in bytes, if it comes in small pieces. */
const packetSize = 16_384;

const tab = Uint8Array.of(0x09);
const emptyLogLine = Uint8Array.of(0x0a);

/** Writes a session's replies and log into an output. */
export class ReplyWriter {
  #output: OutputQueue;
  #stream: StreamMultiplexer | undefined;
  #isMultiplexed: boolean;
  /** Bytes of the conversation that no packet has yet. */
  #pending: Uint8Array[] = [];
  #pendingSize = 0;

  /** Makes one; without a format there is one channel and no log. */
  constructor(output: OutputQueue, format: MultiplexFormat | undefined) {
    this.#output = output;
    this.#isMultiplexed = format !== undefined;
    this.#stream = format === "stream" ? new StreamMultiplexer() : undefined;
  }

  /** How many bytes are not in the output yet. */
  get pending(): number {
    return this.#pendingSize;
  }

  /** Writes a value or, if it isn't `final`, the next piece of one. */
  field(value: string | Uint8Array, final: boolean): void {
    if (typeof value === "string") {
      this.#write(encodeUtf8(final ? `${tabEscape(value)}\t` : tabEscape(value)));
      return;
    }
    this.#write(tabEscapeBytes(value));
    if (final) this.#write(tab);
  }

  /** Writes the line that ends a reply: "+" or "-CODE". */
  status(line: string): void {
    this.#write(encodeUtf8(`\n${line}\n`));
  }

  /** Writes to the log; a message of several lines becomes several. */
  log(level: LogLevel, message: string): void {
    if (!this.#isMultiplexed) return;
    const type = String.fromCharCode(logLevels.indexOf(level) + 1);
    const lines = message.split(/\r?\n/).map((line) => `${type}${line}\n`);
    this.#writeLog(encodeUtf8(lines.join("")));
  }

  /** Writes an empty line to the log, which no client shows. */
  probe(): void {
    if (this.#isMultiplexed) this.#writeLog(emptyLogLine);
  }

  /** Puts what is pending into the output. */
  flush(): void {
    if (this.#pendingSize === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    if (!this.#isMultiplexed) { for (const bytes of pending) this.#output.push(bytes); }
    else if (this.#stream !== undefined) {
      this.#output.push(this.#stream.encode(MAIN_CHANNEL, concat(pending)));
    } else {
      this.#output.push(encodePacketHead(MAIN_CHANNEL, this.#pendingSize));
      for (const bytes of pending) this.#output.push(bytes);
    }
    this.#pendingSize = 0;
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pending.push(bytes);
    this.#pendingSize += bytes.length;
    if (this.#pendingSize >= packetSize) this.flush();
  }

  /** Writes to the log channel, behind what was written to the conversation before. */
  #writeLog(bytes: Uint8Array): void {
    this.flush();
    if (this.#stream !== undefined) this.#output.push(this.#stream.encode(LOG_CHANNEL, bytes));
    else {
      this.#output.push(encodePacketHead(LOG_CHANNEL, bytes.length));
      this.#output.push(bytes);
    }
  }
}
