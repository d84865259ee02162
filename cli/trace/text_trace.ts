/**
 * Traced conversations as lines of text.
 *
 * @module
 */

import type { TraceItem } from "@dovewire/dovewire/core/doveadm";
import { escapeControls } from "@dovewire/dovewire/core";
import type { Entry, Summary } from "./conversations.ts";
import { bytesText, describe, type Part, type PartKind, type Tone } from "./describe.ts";

/** Options for a {@linkcode TextTrace}. */
export interface TextTraceOptions {
  /** Whether colours may be used. */
  readonly hasColors: boolean;
}

/** The codes for colours of a terminal. */
const colors = {
  ...{ bold: "1", dim: "2", red: "31", green: "32", yellow: "33", blue: "34", cyan: "36" },
} as const;

type Color = keyof typeof colors;

const labelColors: Readonly<Record<Tone, Color>> = {
  handshake: "cyan",
  command: "blue",
  value: "dim",
  good: "green",
  bad: "red",
  log: "yellow",
  frame: "dim",
  other: "yellow",
};

const partColors: Readonly<Partial<Record<PartKind, Color>>> = { name: "bold" };

/** The widths of the columns, with those of the numbers. */
const widths = { time: 9, connection: 3, side: 6, at: 8, size: 7, label: 12, row: 6, column: 10 };

/** Makes lines. */
export class TextTrace {
  readonly #hasColors: boolean;
  /** Whether there are times, by conversation. */
  readonly #timed = new Set<number>();

  /** Makes lines of text. */
  constructor({ hasColors }: TextTraceOptions) {
    this.#hasColors = hasColors;
  }

  /** The lines for an entry, each with its end. */
  linesOf(entry: Entry): string {
    switch (entry.type) {
      case "open": {
        const { connection, name, time } = entry;
        if (time !== undefined) this.#timed.add(connection);
        const title = `conversation ${connection}${name === "" ? "" : `: ${escapeControls(name)}`}`;
        const when = time === undefined ? "" : `  ${time.toISOString()}`;
        return `${this.#paint("bold", title)}${this.#paint("dim", when)}\n`;
      }
      case "item":
        return this.#item(entry.item, entry.connection, entry.elapsed);
      case "close":
        this.#timed.delete(entry.connection);
        return this.#paint("dim", `conversation ${entry.connection} ends: `) +
          `${summaryText(entry.summary)}\n`;
    }
  }

  #item(item: TraceItem, connection: number, elapsed: number | undefined): string {
    const { label, tone, parts } = describe(item);
    const { ranges, side, mistake, remark } = item;
    const time = this.#timed.has(connection)
      ? `${elapsedText(elapsed).padStart(widths.time)} `
      : "";
    const size = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    const at = ranges.length === 0 ? "" : String(ranges[0].start);
    const columns = [
      String(connection).padStart(widths.connection),
      this.#paint(side === "client" ? "blue" : "green", side.padEnd(widths.side)),
      this.#paint("dim", at.padStart(widths.at) + String(size).padStart(widths.size)),
      `${this.#paint(labelColors[tone], label.padEnd(widths.label))} `,
    ];
    const text = parts.map((part) => this.#part(part, tone)).join(tone === "value" ? "  " : " ");
    const split = ranges.length > 1 ? this.#paint("dim", `  in ${ranges.length} parts`) : "";
    const indent = " ".repeat(
      time.length + widths.connection + widths.side + widths.at + widths.size + 3,
    );
    const further = (color: Color, kind: string, what: string | undefined) =>
      what === undefined
        ? ""
        : `${indent}${this.#paint(color, `${kind}: ${escapeControls(what)}`)}\n`;
    return `${this.#paint("dim", time)}${columns.join(" ")}${text}${split}`.trimEnd() + "\n" +
      further("red", "mistake", mistake) + further("yellow", "note", remark);
  }

  #part({ kind, text }: Part, tone: Tone): string {
    const shown = escapeControls(text);
    if (tone === "value" && kind === "name") {
      return this.#paint("bold", shown.padEnd(widths.column));
    }
    if (kind !== "note") return this.#paint(partColors[kind], shown);
    // The number of a row stands before its columns.
    const note = tone === "value" && /^row \d+$/.test(shown)
      ? shown.padEnd(widths.row)
      : `(${shown})`;
    return this.#paint("dim", note);
  }

  #paint(color: Color | undefined, text: string): string {
    if (!this.#hasColors || color === undefined || text === "") return text;
    return `\x1b[${colors[color]}m${text}\x1b[0m`;
  }
}

/** A time since the beginning, in seconds. */
export function elapsedText(elapsed: number | undefined): string {
  return elapsed === undefined
    ? ""
    : `${elapsed < 0 ? "-" : "+"}${Math.abs(elapsed / 1000).toFixed(3)}`;
}

/** What a conversation had, in words. */
export function summaryText({ bytes, commands, mistakes, problem }: Summary): string {
  const counts = `${commands === 1 ? "1 command" : `${commands} commands`}, ${
    bytesText(bytes.client)
  } of the client, ${bytes.server} of the server`;
  const faults = mistakes === 0 ? "" : mistakes === 1 ? ", 1 mistake" : `, ${mistakes} mistakes`;
  return `${counts}${faults}${problem === undefined ? "" : `; ${escapeControls(problem)}`}`;
}
