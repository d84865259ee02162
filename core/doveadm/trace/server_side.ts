/**
 * Decodes what a server sent.
 *
 * @module
 */

import { concat, decodeUtf8, encodeUtf8 } from "../../bytes.ts";
import { RemoteProtocolError } from "../../errors.ts";
import { parseLogLine } from "../log.ts";
import { Demultiplexer, LOG_CHANNEL, MAIN_CHANNEL, type MultiplexFrame } from "../multiplex.ts";
import { parseVersionLine } from "../version_line.ts";
import type { Exchange } from "./exchange.ts";
import { Gist } from "./gist.ts";
import { type GatheredLine, LineGatherer } from "./line_gatherer.ts";
import { ReplySide } from "./reply_side.ts";
import { SideReader } from "./side_reader.ts";
import type { TraceContent } from "./trace_item.ts";
import { WireRanges, type WireSlice } from "./wire_range.ts";

/** How much of a line of the handshake, or of the log, is kept. */
const keptOfLine = 64 * 1024;

/** The first bytes of TLS: of a record with a handshake message, or with an alert. */
const tlsRecords: readonly number[] = [0x16, 0x15];

/** What a VERSION line begins with that comes after the "+", as from servers of 2.2.33 to 2.2.36. */
const versionPrefix = encodeUtf8("VERSION\tdoveadm-client\t");

/** How many bytes of the wire each frame has. */
const frameSizes: Readonly<Record<MultiplexFrame["type"], number>> = {
  packet: 5,
  header: 9,
  switch: 4,
  escape: 3,
};

/** How many bytes a wrong switch has, with the byte that it can't have. */
const wrongSwitch = 3;

/** The server's side of a conversation. */
export class ServerSide extends SideReader {
  /**
   * "start": nothing was read; "line": a line of the handshake is read; "late-version": a VERSION line may
   * come after the "+"; "plain": replies, without channels; "channels": with them; "rest": what is left
   * can't be decoded.
   */
  #state: "start" | "line" | "late-version" | "plain" | "channels" | "rest" = "start";
  #exchange: Exchange;
  #isLoginWanted = false;
  #lines = new LineGatherer(keptOfLine);
  #log = new LineGatherer(keptOfLine);
  #replies: ReplySide;
  /** The bytes that may be the beginning of a late VERSION line. */
  #early: WireSlice[] = [];

  #channels: Demultiplexer;
  /** The place of the next byte that the demultiplexer returns. */
  #at = 0;
  /** The place after the last byte that it was given. */
  #given = 0;
  /** Whether the next byte was escaped. */
  #escape = false;
  #isStreamOpen = false;
  /** How many bytes of the current packet are still to come; 0 in the stream format. */
  #packetLeft = 0;
  #skipped: Gist;
  #skippedRanges = new WireRanges();

  /** Reads with the state of the conversation. */
  constructor(exchange: Exchange) {
    super("server", exchange.texts);
    this.#exchange = exchange;
    this.#skipped = new Gist(exchange.texts.kept);
    this.#replies = new ReplySide(exchange, (item) => this.emit(item));
    this.#channels = new Demultiplexer({ onFrame: (frame) => this.#frame(frame) });
  }

  protected override endWithin(how: string): void {
    if (this.#state === "late-version") this.#decideLate(true);
    if (this.#lines.isWithin) {
      this.#bytes(this.#lines.take(), `The ${how} within a line: an LF should end it.`);
    }
    this.#replies.endWithin(how);
    if (this.#log.isWithin) {
      this.#logLine(this.#log.take(), `The ${how} within a line of the log: an LF should end it.`);
    }
    this.#endSkipped();
    if (this.#state !== "channels") return;
    const left = this.#given - this.#at;
    if (left > 0) {
      this.emit({
        ranges: [{ start: this.#at, end: this.#given }],
        content: { type: "bytes", text: undefined, size: left },
        mistake: `The ${how} within what says which channel follows.`,
      });
    } else if (this.#packetLeft > 0) {
      this.emit({
        content: { type: "bytes", text: undefined, size: 0 },
        mistake: `The ${how} within a packet: ${this.#packetLeft} bytes are missing.`,
      });
    }
  }

  protected override endItem() {
    const ids: number[] = [];
    for (const { id } of this.#exchange.pending) {
      if (ids.push(id) === 10) break;
    }
    const more = this.#exchange.unanswered - ids.length;
    const which = ids.length === 1 ? `command ${ids[0]}` : `commands ${ids.join(", ")}`;
    return {
      content: { type: "end" } as const,
      ...(ids.length === 0
        ? {}
        : { mistake: `Expected the reply to ${which}${more > 0 ? ` and ${more} others` : ""}.` }),
    };
  }

  protected override readFrom(slice: WireSlice, from: number): number {
    switch (this.#state) {
      case "start":
        this.#state = tlsRecords.includes(slice.bytes[from]) ? this.#encrypt() : "line";
        return from;
      case "line": {
        const { line, next } = this.#lines.read(slice, from);
        if (line !== undefined) this.#line(line);
        return next;
      }
      case "late-version":
        this.#early.push({ ...slice, start: from, at: slice.at + from - slice.start });
        this.#decideLate(false);
        return slice.end;
      case "plain":
        this.#replies.read({ ...slice, start: from, at: slice.at + from - slice.start });
        return slice.end;
      case "channels":
        this.#demultiplex(slice, from);
        return slice.end;
      case "rest":
        return this.readRest(slice, from);
    }
  }

  #encrypt(): "rest" {
    this.beginRest({ isEncrypted: true });
    this.emit({
      content: { type: "encrypted" },
      remark: "TLS begins: nothing after it can be decoded.",
    });
    return "rest";
  }

  #line(line: GatheredLine): void {
    // TLS begins between two lines.
    this.#state = "start";
    const text = decodeUtf8(line.bytes);
    if (text.startsWith("VERSION\t")) return this.#version(line, text);
    if (text === "+") return this.#accepted(line);
    if (text === "-" && !this.#isLoginWanted) {
      this.#isLoginWanted = true;
      this.#exchange.answerHandshake(false);
      return this.#emit(line, { type: "login-wanted" });
    }
    if (text.startsWith("-")) {
      this.#exchange.answerHandshake(false);
      const detail = this.texts.of(encodeUtf8(text.slice(1).trim()));
      return this.#emit(line, { type: "refused", detail });
    }
    this.#bytes(line, 'Expected a VERSION line, "+" or "-".');
  }

  #version(line: GatheredLine, text: string): void {
    const version = parseVersionLine(text, "doveadm-client");
    const isFirst = this.#exchange.serverMinor === undefined;
    if (isFirst) this.#exchange.serverMinor = version?.minor;
    const mistake = version === undefined
      ? 'Expected "VERSION", "doveadm-client", 1 and a number.'
      : version.major !== "1"
      ? `Expected version 1, not ${version.major}.`
      : isFirst
      ? undefined
      : "Expected no other VERSION line.";
    this.#emit(line, { type: "version", minor: version?.minor }, mistake);
    if (this.#exchange.isAccepted) this.#open();
  }

  #accepted(line: GatheredLine): void {
    const { offered = 0, serverMinor } = this.#exchange;
    this.#exchange.answerHandshake(true);
    this.#emit(line, { type: "accepted", minor: this.#exchange.minor });
    if (serverMinor === undefined && offered > 0 && !this.#isLoginWanted) {
      this.#state = "late-version";
    } else this.#open();
  }

  #open(): void {
    this.#state = this.#exchange.minor === 0 ? "plain" : "channels";
  }

  /** Finds out whether a VERSION line follows, as soon as its beginning is there, or nothing more comes. */
  #decideLate(isEnd: boolean): void {
    const bytes = concat(this.#early.map(({ bytes, start, end }) => bytes.subarray(start, end)));
    const fits = versionPrefix.every((byte, at) => at >= bytes.length || bytes[at] === byte);
    if (fits && bytes.length < versionPrefix.length && !isEnd) return;
    const early = this.#early;
    this.#early = [];
    this.#state = fits && bytes.length >= versionPrefix.length ? "line" : "plain";
    for (const slice of early) this.read(slice);
  }

  #demultiplex(slice: WireSlice, from: number): void {
    const bytes = slice.bytes.subarray(from, slice.end);
    if (this.#given === 0) this.#at = slice.at + from - slice.start;
    this.#given = slice.at + slice.size;
    this.#channels.push(bytes);
    for (;;) {
      try {
        const segment = this.#channels.next();
        if (segment === undefined) return;
        const size = this.#escape ? frameSizes.escape : segment.end - segment.start;
        this.#escape = false;
        if (this.#packetLeft > 0) this.#packetLeft -= size;
        this.#segment(segment.channel, { ...segment, at: this.#at, size });
        this.#at += size;
      } catch (error) {
        if (!(error instanceof RemoteProtocolError)) throw error;
        if (this.#channels.format === "stream" && this.#isStreamOpen) this.#wrongSwitch();
        else return this.#wrongHeader(slice);
      }
    }
  }

  #frame(frame: MultiplexFrame): void {
    if (frame.type === "escape") {
      // Its bytes are those of the value that it is part of.
      this.#escape = true;
      return;
    }
    this.#endSkipped();
    const start = this.#at;
    this.#at += frameSizes[frame.type];
    if (frame.type === "packet") this.#packetLeft = frame.size;
    if (frame.type === "header") this.#isStreamOpen = true;
    const { minor, offered } = this.#exchange;
    const isStrange = frame.type !== "header" &&
      ![MAIN_CHANNEL, LOG_CHANNEL].includes(frame.channel);
    const isOther = frame.type === "header" ? minor < 4 : frame.type === "packet" && minor >= 4;
    const mistake = isStrange
      ? `Expected channel ${MAIN_CHANNEL}, the replies, or ${LOG_CHANNEL}, the log.`
      : isOther && offered !== undefined
      ? `Expected ${minor < 4 ? "packets" : "the stream format"}, as in version 1.${minor}.`
      : undefined;
    this.emit({ ranges: [{ start, end: this.#at }], content: { type: "frame", frame }, mistake });
  }

  #wrongSwitch(): void {
    const start = this.#at;
    this.#at += wrongSwitch;
    this.emit({
      ranges: [{ start, end: this.#at }],
      content: { type: "bytes", text: undefined, size: wrongSwitch },
      mistake: "Expected 0, for a switch, or 1, for the byte 03, after 03 fe.",
    });
  }

  /** Nothing is known about what follows. */
  #wrongHeader(slice: WireSlice): void {
    const start = this.#at;
    this.#at += frameSizes.header;
    this.#state = "rest";
    this.emit({
      ranges: [{ start, end: this.#at }],
      content: { type: "bytes", text: undefined, size: frameSizes.header },
      mistake: "Expected the header of the stream format, ff ff ff ff ff 00 02 03 fe.",
    });
    this.beginRest({ why: "Nothing after the wrong header can be decoded." });
    const left = this.#given - this.#at;
    if (left > 0) this.readRest(slice, slice.end - left);
  }

  #segment(channel: number, slice: WireSlice): void {
    if (channel === MAIN_CHANNEL) this.#replies.read(slice);
    else if (channel === LOG_CHANNEL) this.#readLog(slice);
    else {
      this.#skipped.push(slice.bytes, slice.start, slice.end);
      this.#skippedRanges.addSlice(slice, slice.start, slice.end);
    }
  }

  #readLog(slice: WireSlice): void {
    for (let from = slice.start; from < slice.end;) {
      const { line, next } = this.#log.read(slice, from);
      if (line !== undefined) this.#logLine(line);
      from = next;
    }
  }

  #logLine({ bytes, size, ranges }: GatheredLine, mistake?: string): void {
    // Dovecot sends an empty one to find out whether its client is there.
    const parsed = parseLogLine(bytes);
    const hasLevel = bytes.length > 0 && bytes[0] >= 1 && bytes[0] <= 6;
    const from = hasLevel ? 1 : 0;
    const text = this.texts.of(bytes.subarray(from), size - from);
    const id = this.#exchange.running?.id;
    const content: TraceContent = { type: "log", id, level: parsed?.level ?? "debug", text };
    const strange = "Expected a byte from 1 to 6 for the level; clients take it for a warning.";
    const remark = parsed === undefined
      ? "An empty line, which clients skip."
      : hasLevel
      ? undefined
      : strange;
    this.emit({ ranges, content, mistake, remark });
  }

  #endSkipped(): void {
    if (this.#skippedRanges.isEmpty) return;
    const { bytes, size } = this.#skipped.take();
    const content: TraceContent = { type: "bytes", text: this.texts.of(bytes, size), size };
    this.emit({ ranges: this.#skippedRanges.take(), content });
  }

  #bytes({ bytes, size, ranges }: GatheredLine, mistake: string): void {
    this.emit({
      ranges,
      content: { type: "bytes", text: this.texts.of(bytes, size), size },
      mistake,
    });
  }

  #emit({ ranges }: GatheredLine, content: TraceContent, mistake?: string): void {
    this.emit({ ranges, content, mistake });
  }
}
