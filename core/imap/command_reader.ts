/**
 * Takes a client's bytes apart: commands, their literals, and lines of data.
 *
 * @module
 */

import { GatheredBytes } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import type { StateArchive } from "../state_archive.ts";
import { ArgumentScanner, ValueBuilder } from "./argument_scanner.ts";
import type { BadCommand, CommandFrame, DataLine } from "./command_frame.ts";
import { parseCommandStart } from "./command_line.ts";
import { completeImapLimits, type ImapLimits } from "./limits.ts";
import { LineInput } from "./line_input.ts";
import { LineSkipper } from "./line_skipper.ts";
import { contentEnd, type LiteralMarker, markerAt } from "./literal_marker.ts";

/** Where in the client's bytes a reader is. */
type State =
  /** Between commands: the next line is a command's first, or a line of data. */
  | "line"
  /** The "start" of a command was told; its first line is next. */
  | "started"
  /** A line of a command was told; what comes after it is next. */
  | "told"
  /** A literal was announced, and waits for a call. */
  | "announced"
  /** A literal's data come. */
  | "data"
  /** The line after a literal comes. */
  | "rest"
  /** The rest of a command is dropped. */
  | "skipping"
  /** Nothing can be understood any more. */
  | "over";

/** The command that is read. */
interface Command {
  readonly tag: string;
  readonly name: string;
  readonly scanner: ArgumentScanner;
  /** What collects its arguments, if they are collected. */
  collector: { readonly scanner: ArgumentScanner; readonly builder: ValueBuilder } | undefined;
}

/** A line of a command that is whole and right. */
interface Line {
  readonly bytes: Uint8Array;
  /** Where arguments begin on it. */
  readonly start: number;
  /** Where they end: at the line's end, or at a literal's marker. */
  readonly end: number;
  readonly marker: LiteralMarker | undefined;
}

/**
 * Reads a client's bytes. They go in by {@linkcode receive} and come out as frames, which the owner asks for one
 * by one with {@linkcode next}: nothing is read before the owner asks for it, who can so decide after each frame how the
 * following bytes are to be understood.
 *
 * Lines are told when they are whole and right, so that what a relay sends on can be read in one way only: a
 * literal's marker is right only at a line's end, after a space or a parenthesis and outside of quotes. (One
 * thing remains to whoever sends tags on: RFC 9051 allows `]` in a tag, and not every server takes it.) Data of
 * literals aren't copied. Each byte is looked at once, and what is held of an incomplete line has the limit
 * `limits.line`; bytes that wait because nobody asks for frames are the owner's matter, see {@linkcode size}.
 *
 * @example
 * ```ts
 * import { CommandReader } from "@dovewire/dovewire/core/imap";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const reader = new CommandReader();
 * reader.receive(encodeUtf8("a1 APPEND INBOX {5+}\r\nhello\r\na2 NO"));
 * const seen: string[] = [];
 * for (let frame; (frame = reader.next()) !== undefined;) {
 *   seen.push(frame.type);
 *   if (frame.type === "literal") reader.acceptLiteral();
 *   if (frame.type === "data") assert.equal(decodeUtf8(frame.bytes), "hello");
 * }
 * assert.deepEqual(seen, ["start", "text", "literal", "data", "text", "end"]);
 * assert.equal(reader.size, 5);
 * ```
 */
export class CommandReader {
  #limits: ImapLimits;
  #state: State = "line";
  #input = new LineInput();
  /** The limit of lines of data; `undefined` while lines are commands. */
  #dataLimit: number | undefined;
  #command: Command | undefined;
  #line: Line | undefined;
  /** The announced literal, how much of it is missing, and its bytes if they are collected. */
  #literal: LiteralMarker | undefined;
  #missing = 0;
  #literalBytes = new GatheredBytes();
  #skipper: LineSkipper | undefined;
  /** The literal that the latest line of data announces. */
  #lineLiteral: DataLine["literal"];

  /** Creates a reader at the start of a command. Throws a `LocalProtocolError` for an invalid limit. */
  constructor(limits: Partial<ImapLimits> = {}) {
    this.#limits = completeImapLimits(limits);
  }

  /** The limits. */
  get limits(): ImapLimits {
    return this.#limits;
  }

  /** Changes limits from the next line on, after a login for instance; those that are left out stay. */
  setLimits(limits: Partial<ImapLimits>): void {
    this.#limits = completeImapLimits({ ...this.#limits, ...limits });
  }

  /** How many bytes are held that no frame has told of. */
  get size(): number {
    return this.#input.size;
  }

  /**
   * Whether the client sends no more and {@linkcode next} has told every frame, which it learns when it returns
   * `undefined`. An incomplete command is dropped.
   */
  get isAtEnd(): boolean {
    return this.#input.isAtEnd;
  }

  /** Takes bytes that arrived. The reader owns the chunk from here on. */
  receive(chunk: Uint8Array): void {
    if (this.#state !== "over") this.#input.push(chunk);
  }

  /** Ends the input. */
  receiveEnd(): void {
    this.#input.end();
  }

  /** The next frame; `undefined` if it takes more bytes, or a call about a literal. */
  next(): CommandFrame | undefined {
    this.#lineLiteral = undefined;
    const input = this.#input;
    for (let skipper; (skipper = this.#skipper) !== undefined;) {
      if (skipper.isOver) return this.#endAll();
      if (skipper.isDone) this.#endCommand();
      else if (input.hasByte()) input.at = skipper.skip(input.chunk, input.at);
      else return undefined;
    }
    switch (this.#state) {
      case "line":
        return this.#dataLimit === undefined ? this.#readStart() : this.#readData();
      case "started":
        return this.#tellLine();
      case "told":
        return this.#tellNext();
      case "data":
        return this.#readLiteral();
      case "rest":
        return this.#readRest();
    }
  }

  /**
   * Collects the arguments of the command that has begun, for its "end". Call it after "start", or after the
   * "text" that comes next. More than `limits.command` is a mistake of the client. Throws a
   * `LocalProtocolError` at any other time.
   */
  collect(): void {
    const command = this.#command;
    const isEarly = this.#state === "started" ||
      this.#state === "told" && this.#line!.start > 0;
    if (command === undefined || !isEarly) {
      throw new LocalProtocolError('Call collect() after a "start" frame, before anything else.');
    }
    command.collector ??= {
      scanner: new ArgumentScanner({ depth: this.#limits.depth }),
      builder: new ValueBuilder(this.#limits.command),
    };
  }

  /** Lets the data of the announced literal come. Throws a `LocalProtocolError` if there is none. */
  acceptLiteral(): void {
    this.#checkAnnounced("acceptLiteral");
    this.#missing = this.#literal!.size;
    this.#state = "data";
  }

  /**
   * Drops the announced literal and the rest of its command, which the owner answers. Data that the client
   * sends without waiting is read and dropped, up to `limits.swallow`: more is a "fatal" frame. Throws a
   * `LocalProtocolError` if no literal is announced.
   */
  refuseLiteral(): void {
    this.#checkAnnounced("refuseLiteral");
    this.#skipAfter(this.#literal);
  }

  /**
   * Drops what is left of the current command, wherever in it the reader is: no frame of it follows, and the
   * owner answers it. It counts as {@linkcode refuseLiteral} does. Does nothing between commands.
   */
  skipCommand(): void {
    if (this.#state === "started" || this.#state === "told") this.#skipAfter(this.#line!.marker);
    else if (this.#state === "announced") this.#skipAfter(this.#literal);
    else if (this.#state === "data") {
      const missing = this.#missing;
      this.#skip().expectData(missing);
    } else if (this.#state === "rest") this.#skip().startLine(this.#input.takePartialLine());
  }

  /**
   * Makes the following lines lines of data, until {@linkcode readCommand}. A line of more than `limit` bytes
   * with its end, `limits.line` if left out, is too long. Throws a `LocalProtocolError` within a command.
   */
  readLine(limit: number = this.#limits.line): void {
    if (this.#state !== "line" && this.#state !== "skipping" && this.#state !== "over") {
      throw new LocalProtocolError(
        'A line of data can\'t begin within a command. Call readLine() after its "end" frame.',
      );
    }
    this.#dataLimit = limit;
  }

  /** Makes the following lines commands again. */
  readCommand(): void {
    this.#dataLimit = undefined;
  }

  /**
   * Drops the data of the literal that the latest "line" frame announces, and the rest of what would be its
   * command. It counts as {@linkcode refuseLiteral} does. Call it before the next frame is asked for; does
   * nothing if no literal was announced.
   */
  swallowLiteral(): void {
    if (this.#lineLiteral === undefined || this.#state !== "line") return;
    this.#skip().endLine(this.#lineLiteral);
    this.#lineLiteral = undefined;
  }

  /**
   * Takes all bytes that no frame has told of, as before a TLS handshake; `undefined` if there are none.
   */
  takeUnread(): Uint8Array | undefined {
    return this.#input.takeAll();
  }

  /** Passes where it is in the input through an archive, but for the limits. */
  archive(state: StateArchive): void {
    this.#state = state.value(this.#state);
    state.part(this.#input);
    this.#dataLimit = state.value(this.#dataLimit);
    this.#command = this.#archiveCommand(state);
    this.#line = state.value(this.#line);
    this.#literal = state.value(this.#literal);
    this.#missing = state.value(this.#missing);
    state.part(this.#literalBytes);
    this.#skipper = state.optional(this.#skipper, () => new LineSkipper(this.#limits.swallow));
    this.#lineLiteral = state.value(this.#lineLiteral);
  }

  #archiveCommand(state: StateArchive): Command | undefined {
    const { tag, name, scanner, collector } = this.#command ?? {};
    const newScanner = () => new ArgumentScanner({ depth: this.#limits.depth });
    const words = state.value({ tag, name });
    const archived = state.optional(scanner, newScanner);
    const collecting = state.optional(collector?.scanner, newScanner);
    const builder = state.optional(
      collector?.builder,
      () => new ValueBuilder(this.#limits.command),
    );
    if (archived === undefined) return undefined;
    return {
      ...words as { readonly tag: string; readonly name: string },
      scanner: archived,
      collector: collecting && builder && { scanner: collecting, builder },
    };
  }

  /** Reads the first line of a command. */
  #readStart(): CommandFrame | undefined {
    const limit = this.#limits.line;
    const bytes = this.#input.takeLine(limit);
    if (bytes === undefined) return undefined;
    const isCut = bytes.length > limit;
    const end = isCut ? limit : contentEnd(bytes);
    const start = parseCommandStart(bytes, { end, tagLimit: this.#limits.tag, isCut });
    if (isCut) {
      this.#skip().startLine(bytes);
      return { ...badCommand(start, "IMAP command line too large"), limit: "line" };
    }
    const marker = markerAt(bytes, end);
    if (start.tag === undefined || start.name === undefined) {
      this.#skipAfter(marker);
      return badCommand(start, start.reason!);
    }
    const scanner = new ArgumentScanner({ depth: this.#limits.depth });
    this.#command = { tag: start.tag, name: start.name, scanner, collector: undefined };
    const bad = this.#checkLine(bytes, { start: start.end, end, marker });
    if (bad !== undefined) return bad;
    this.#state = "started";
    return { type: "start", tag: start.tag, name: start.name };
  }

  /** Reads the line after a literal. */
  #readRest(): CommandFrame | undefined {
    const limit = this.#limits.line;
    const bytes = this.#input.takeLine(limit);
    if (bytes === undefined) return undefined;
    if (bytes.length > limit) {
      const bad = badCommand(this.#command!, "IMAP command line too large");
      this.#skip().startLine(bytes);
      return { ...bad, limit: "line" };
    }
    const end = contentEnd(bytes);
    return this.#checkLine(bytes, { start: 0, end, marker: markerAt(bytes, end) }) ??
      this.#tellLine();
  }

  /** Checks a line of a command and keeps it for the following frames. */
  #checkLine(
    bytes: Uint8Array,
    { start, end, marker }: {
      readonly start: number;
      readonly end: number;
      readonly marker: LiteralMarker | undefined;
    },
  ): BadCommand | undefined {
    const command = this.#command!;
    const { scanner } = command;
    const textEnd = marker === undefined || marker.start < start ? end : marker.start;
    let reason = scanner.scan(bytes, start, textEnd);
    if (marker !== undefined) {
      reason ??= marker.size === Infinity ? "Literal size too large" : scanner.literal();
    } else if (scanner.isWithinList) reason ??= "Missing ')'";
    this.#line = { bytes, start, end: textEnd, marker };
    if (reason === undefined) return undefined;
    this.#skipAfter(marker);
    return badCommand(command, reason);
  }

  /** Tells a line that is right. */
  #tellLine(): CommandFrame {
    const { bytes, end, marker } = this.#line!;
    this.#state = "told";
    return { type: "text", bytes: marker === undefined ? bytes : bytes.subarray(0, end) };
  }

  /** Tells what comes after a line: a literal, or the command's end. */
  #tellNext(): CommandFrame {
    const command = this.#command!;
    const { bytes, start, end, marker } = this.#line!;
    const { collector } = command;
    if (collector !== undefined) {
      const { scanner, builder } = collector;
      const reason = scanner.scan(bytes, start, end, builder);
      if (reason !== undefined || marker !== undefined && builder.isOver(marker.size)) {
        this.#skipAfter(marker);
        return { ...badCommand(command, reason ?? "Too long argument"), limit: "command" };
      }
      scanner.literal();
    }
    this.#line = undefined;
    if (marker === undefined) {
      this.#endCommand();
      return { type: "end", args: collector?.builder.values ?? [] };
    }
    this.#literal = marker;
    this.#state = "announced";
    const { size, isSynchronizing, isBinary } = marker;
    return { type: "literal", size, isSynchronizing, isBinary };
  }

  /** Reads a piece of a literal's data. */
  #readLiteral(): CommandFrame | undefined {
    const input = this.#input;
    const bytes = input.takeData(this.#missing);
    if (this.#missing > 0 && bytes.length === 0) return undefined;
    this.#missing -= bytes.length;
    const isLast = this.#missing === 0;
    const builder = this.#command!.collector?.builder;
    if (builder !== undefined) {
      this.#literalBytes.push(input.chunk, input.at - bytes.length, input.at);
      if (isLast) {
        const form = this.#literal!.isBinary ? "literal8" : "literal";
        builder.string(this.#literalBytes.take(), form);
      }
    }
    if (isLast) this.#state = "rest";
    return { type: "data", bytes, isLast };
  }

  /** Reads a line of data. */
  #readData(): CommandFrame | undefined {
    const limit = this.#dataLimit!;
    const line = this.#input.takeLine(limit);
    if (line === undefined) return undefined;
    if (line.length > limit) {
      this.#skip().startLine(line);
      return { type: "line", bytes: line.subarray(0, limit), isTooLong: true };
    }
    const end = contentEnd(line);
    const bytes = line.subarray(0, end);
    const marker = markerAt(bytes, end);
    if (marker === undefined) return { type: "line", bytes, isTooLong: false };
    const { size, isSynchronizing } = marker;
    this.#lineLiteral = { size, isSynchronizing };
    return { type: "line", bytes, isTooLong: false, literal: this.#lineLiteral };
  }

  #checkAnnounced(call: string): void {
    if (this.#state === "announced") return;
    throw new LocalProtocolError(
      `No literal is announced. Call ${call}() once, after a "literal" frame.`,
    );
  }

  /** Drops the rest of a command whose line ends in a marker, or in none. */
  #skipAfter(marker: LiteralMarker | undefined): void {
    this.#skip().endLine(marker);
  }

  /** Begins to drop the rest of a command. */
  #skip(): LineSkipper {
    this.#endCommand();
    this.#state = "skipping";
    this.#skipper = new LineSkipper(this.#limits.swallow);
    return this.#skipper;
  }

  #endCommand(): void {
    this.#state = "line";
    this.#command = undefined;
    this.#line = undefined;
    this.#literal = undefined;
    this.#skipper = undefined;
    this.#missing = 0;
    if (this.#literalBytes.size > 0) this.#literalBytes.take();
  }

  /** Ends the reading. */
  #endAll(): CommandFrame {
    this.#endCommand();
    this.#state = "over";
    this.#input.clear();
    return { type: "fatal", reason: "Literal size too large", limit: "swallow" };
  }
}

/** A client's mistake in a command. */
function badCommand(
  { tag, name }: { readonly tag: string | undefined; readonly name: string | undefined },
  reason: string,
): BadCommand {
  return { type: "bad", tag, name, reason };
}
