/**
 * Sends the same commands to two servers, and reports differences.
 *
 * @module
 */

import { decodeUtf8 } from "../../../core/mod.ts";
import { type Difference, differences } from "./differences.ts";
import { users } from "./mail_set.ts";
import { type Answer, type Ask, commandLine, type Question } from "./question.ts";
import type { Likeness, Twins } from "./twins.ts";

/** The most characters of a field, and the most fields, in a report. */
const SHOWN_LENGTH = 160;
const SHOWN_FIELDS = 6;

/** The comparison of two servers' answers. */
export class Comparison {
  /** The unexpected differences as texts, one for each command. */
  readonly mismatches: string[] = [];
  /** How often each expected difference occurred. */
  readonly met = new Map<Difference, number>();
  /** How many commands were sent. */
  asked = 0;
  /** How many of them had the same answer on both servers, by result. */
  readonly alike = new Map<string, number>();
  readonly #real: Ask;
  readonly #embedded: Ask;
  readonly #twins: Twins;

  /** Creates one for two servers. */
  constructor(real: Ask, embedded: Ask, twins: Twins) {
    this.#real = real;
    this.#embedded = embedded;
    this.#twins = twins;
  }

  /** Sends a command to both servers. */
  async ask(question: Question): Promise<void> {
    const number = ++this.asked;
    const [real, embedded] = await Promise.all([this.#real(question), this.#embedded(question)]);
    const likeness = this.#twins.compare();
    const at = differAt(real, embedded, likeness);
    if (at === undefined) {
      likeness.keep();
      this.alike.set(real.result, (this.alike.get(real.result) ?? 0) + 1);
      return;
    }
    const wanted = differences.find((it) => {
      const other = this.#twins.compare();
      return it.explains(question, real, embedded, (ours, theirs) => other.agree(ours, theirs));
    });
    if (wanted !== undefined) {
      this.met.set(wanted, (this.met.get(wanted) ?? 0) + 1);
      return;
    }
    this.mismatches.push(
      [
        `${number}: ${commandLine(question)}`,
        `  real:     ${shown(real, at, embedded)}`,
        `  embedded: ${shown(embedded, at, real)}`,
      ].join("\n"),
    );
  }

  /** Compares all mail of the servers, to find differences that the answers don't show. */
  async askAll(): Promise<void> {
    for (const user of users) {
      for (const [name, ...args] of everything) await this.ask({ name, user, args });
    }
  }
}

/** The first field in which two answers differ, -1 for their results; `undefined` for equal answers. */
function differAt(real: Answer, embedded: Answer, likeness: Likeness): number | undefined {
  const length = Math.max(real.fields.length, embedded.fields.length);
  for (let at = 0; at < length; at++) {
    const [ours, theirs] = [real.fields[at], embedded.fields[at]];
    if (ours === undefined || theirs === undefined || !likeness.agree(ours, theirs)) return at;
  }
  return real.result === embedded.result && real.titles === embedded.titles ? undefined : -1;
}

const everything: readonly (readonly [name: string, ...args: string[]])[] = [
  ["mailbox list"],
  ["mailbox list", "-s"],
  ["mailbox status", "all", "*"],
  ["quota get"],
  [
    "fetch",
    "mailbox uid guid flags modseq size.physical date.received date.saved text",
    ...["mailbox", "*", "all"],
  ],
];

/** A short form of an answer: its fields from shortly before the one that differs. */
function shown({ result, titles, fields, log }: Answer, at: number, other: Answer): string {
  const start = Math.max(0, at - 2);
  const some = fields.slice(start, start + SHOWN_FIELDS).map((field, index) =>
    start + index === at ? `>${fromDifference(field, other.fields[at])}` : shownField(field, 0)
  );
  return [
    `${result}${
      titles === undefined ? "" : ` (${cut(titles)})`
    }, ${fields.length} fields, from ${start} on: ${some.join(" ")}`,
    ...log.map((line) => `    ${cut(line)}`),
  ].join("\n");
}

function fromDifference(field: Uint8Array, other: Uint8Array | undefined): string {
  const end = other === undefined ? 0 : field.findIndex((byte, at) => byte !== other[at]);
  return shownField(field, Math.max(0, (end === -1 ? field.length : end) - SHOWN_LENGTH / 4));
}

function shownField(field: Uint8Array, start: number): string {
  return `${start > 0 ? `…${start} bytes…` : ""}${
    cut(JSON.stringify(decodeUtf8(field.slice(start))))
  }`;
}

function cut(text: string): string {
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}…`;
}
