/**
 * Decodes a server's replies: `(value TAB)* LF status LF`, one after the other.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8 } from "../../bytes.ts";
import { Chunk, makeReply } from "../reply.ts";
import { TabUnescaper } from "../tab_escape.ts";
import { type Exchange, isSecretValue } from "./exchange.ts";
import { Gist } from "./gist.ts";
import { LineGatherer } from "./line_gatherer.ts";
import type { TraceItem } from "./trace_item.ts";
import { placeOf, WireRanges, type WireSlice } from "./wire_range.ts";

const TAB = 0x09;
const LF = 0x0a;
const PLUS = 0x2b;
const MINUS = 0x2d;

/** How much of a status line is kept. */
const keptOfStatus = 8 * 1024;

/** An item, which the server sent. */
type ReplyItem = Omit<TraceItem, "side">;

const noFields = { chunk: new Chunk(new Uint8Array(0)), start: 0, end: 0 };

/** Reads replies. */
export class ReplySide {
  #exchange: Exchange;
  #emit: (item: ReplyItem) => void;
  /** "status": the LF after the values was read; "status-line": and the first byte after it. */
  #state: "values" | "status" | "status-line" = "values";
  #unescaper = new TabUnescaper();
  #value: Gist;
  #ranges = new WireRanges();
  /** How many values this reply has. */
  #count = 0;
  #status = new LineGatherer(keptOfStatus);
  /** How many replies there were when something came without a command. */
  #strayAfter = -1;
  /** The place of the LF before the status. */
  #lineFeed: readonly [start: number, end: number] = [0, 0];

  /** Reads with the state of the conversation. */
  constructor(exchange: Exchange, emit: (item: ReplyItem) => void) {
    this.#exchange = exchange;
    this.#emit = emit;
    this.#value = new Gist(exchange.texts.kept);
  }

  /** Reads bytes of the replies' channel. */
  read(slice: WireSlice): void {
    for (let from = slice.start; from < slice.end;) {
      switch (this.#state) {
        case "values":
          from = this.#readValue(slice, from);
          break;
        case "status":
          this.#decideStatus(slice.bytes[from]);
          break;
        case "status-line": {
          const { line, next } = this.#status.read(slice, from);
          if (line !== undefined) {
            this.#reply(decodeUtf8(line.bytes), line.size, line.ranges);
          }
          from = next;
          break;
        }
      }
    }
  }

  /** Emits what is incomplete. */
  endWithin(how: string): void {
    const { texts } = this.#exchange;
    if (!this.#ranges.isEmpty) this.#endValue(`The ${how} within a value: a TAB should end it.`);
    if (this.#state === "status") {
      const [start, end] = this.#lineFeed;
      const content = { type: "bytes", text: texts.ofText("\n"), size: 1 } as const;
      const mistake = `The ${how} within a reply: expected "+" or "-".`;
      this.#emit({ ranges: [{ start, end }], content, mistake });
    }
    if (!this.#status.isWithin) return;
    const { bytes, size, ranges } = this.#status.take();
    const content = { type: "bytes", text: texts.of(bytes, size), size } as const;
    this.#emit({ ranges, content, mistake: `The ${how} within the end of a reply.` });
  }

  #readValue(slice: WireSlice, from: number): number {
    const { bytes, end } = slice;
    let stop = from;
    while (stop < end && bytes[stop] !== TAB && bytes[stop] !== LF) stop++;
    if (stop > from) this.#value.push(this.#unescaper.push(bytes.subarray(from, stop)));
    const isEnd = stop < end;
    const isTab = isEnd && bytes[stop] === TAB;
    const next = isTab ? stop + 1 : stop;
    this.#ranges.addSlice(slice, from, next);
    if (!isEnd) return end;
    // Every value ends in a TAB, except the single JSON text that "user" answers with.
    if (isTab || !this.#ranges.isEmpty) this.#endValue();
    if (isTab) return next;
    this.#lineFeed = [placeOf(slice, stop), placeOf(slice, stop + 1)];
    this.#state = "status";
    return stop + 1;
  }

  #endValue(mistake?: string): void {
    this.#unescaper.end();
    const { bytes, size } = this.#value.take();
    const command = this.#exchange.running;
    const columns = command?.columns;
    const at = this.#count++;
    const column = columns?.[at % columns.length];
    const { texts } = this.#exchange;
    const text = isSecretValue(command, column) ? texts.hidden(size) : texts.of(bytes, size);
    this.#emit({
      ranges: this.#ranges.take(),
      content: {
        ...{ type: "value", id: command?.id, column, text },
        row: columns === undefined ? undefined : Math.floor(at / columns.length) + 1,
      },
      mistake: mistake ?? this.#strayMistake(),
    });
  }

  /** Looks at the byte after the line end after the values. */
  #decideStatus(byte: number): void {
    const [start, end] = this.#lineFeed;
    if (byte === PLUS || byte === MINUS) {
      this.#state = "status-line";
      this.#status.include(start, end);
      return;
    }
    this.#state = "values";
    this.#emit({
      ranges: [{ start, end }],
      content: { type: "bytes", text: this.#exchange.texts.ofText("\n"), size: 1 },
      mistake:
        'Expected "+" or "-" after this line end, the end of a reply. What follows is read as values.',
    });
  }

  #reply(status: string, size: number, ranges: TraceItem["ranges"]): void {
    const mistake = this.#strayMistake();
    const { texts } = this.#exchange;
    const command = this.#exchange.answer();
    const { detail, ...reply } = makeReply(0, status, noFields);
    const code = reply.ok ? "" : reply.code;
    const isRefused = !reply.ok && (code === "USAGE" || code === "");
    const remark = command?.hasInput && isRefused
      ? "The server doesn't skip the input of a command that it refuses: it reads it as commands."
      : undefined;
    this.#emit({
      ranges,
      content: {
        ...{ type: "reply", id: command?.id, ok: reply.ok, values: this.#count },
        code: texts.of(encodeUtf8(code)).text,
        detail: texts.of(encodeUtf8(detail), Math.max(size - code.length - 1, 0)),
      },
      mistake,
      remark,
    });
    this.#count = 0;
    this.#state = "values";
  }

  /** The mistake of what comes while no command runs; only the first such piece has it. */
  #strayMistake(): string | undefined {
    const { isClientSeen, isServerOwed, replies } = this.#exchange;
    if (!isClientSeen || isServerOwed) return undefined;
    if (this.#strayAfter === replies) return undefined;
    this.#strayAfter = replies;
    return "Expected nothing: no command was running. Dovecot sends the rows of some commands after their " +
      "reply if they aren't the first of a connection.";
  }
}
