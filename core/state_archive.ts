/**
 * How the state of a value and its parts becomes bytes, and comes back.
 *
 * @module
 */

import { concat, plainBytes } from "./bytes.ts";
import { LocalProtocolError } from "./errors.ts";
import { shownValue } from "./option_checks.ts";
import { PlainDataReader, PlainDataWriter } from "./plain_data.ts";
import type { Queue } from "./queue.ts";

/** A value whose state can be archived. */
export interface Archived {
  /**
   * Passes all of its state through the archive, in a fixed order. What comes back is its state from then on: the
   * same if it is written, and the one that was written if it is read.
   */
  archive(state: StateArchive): void;
}

/**
 * Writes the state of values, or reads it. The same method of a value, {@linkcode Archived.archive}, serves both, so
 * that each part of the state is named once:
 *
 * ```ts ignore
 * archive(state: StateArchive): void {
 *   this.#missing = state.value(this.#missing);
 *   state.part(this.#input);
 * }
 * ```
 */
export interface StateArchive {
  /** Passes plain data through: writes it and returns the same, or returns what was written. */
  value<Value>(value: Value): Value;
  /**
   * Passes a time through, in milliseconds of the caller's clock: what is read is a time of the reader's clock. Other
   * values are passed as they are.
   */
  time<Time>(time: Time): Time;
  /** Passes the state of a part through. */
  part(part: Archived): void;
  /** Passes the state of a part that may be missing through; `create` creates one whose state is then read. */
  optional<Part extends Archived>(part: Part | undefined, create: () => Part): Part | undefined;
}

/** How many bytes come before the state: the form, and a checksum. */
const headSize = 8;

/** Writes the state of a value. */
class StateWriter implements StateArchive {
  readonly #writer = new PlainDataWriter();

  value<Value>(value: Value): Value {
    this.#writer.write(value);
    return value;
  }

  time<Time>(time: Time): Time {
    return this.value(time);
  }

  part(part: Archived): void {
    part.archive(this);
  }

  optional<Part extends Archived>(part: Part | undefined): Part | undefined {
    this.value(part !== undefined);
    part?.archive(this);
    return part;
  }

  take(): Uint8Array {
    return this.#writer.take();
  }
}

/** Reads the state of a value. */
class StateReader implements StateArchive {
  readonly #reader: PlainDataReader;
  readonly #clockShift: number;

  constructor(bytes: Uint8Array, clockShift: number) {
    this.#reader = new PlainDataReader(bytes);
    this.#clockShift = clockShift;
  }

  get isAtEnd(): boolean {
    return this.#reader.isAtEnd;
  }

  value<Value>(_value: Value): Value {
    return this.#reader.read() as Value;
  }

  time<Time>(time: Time): Time {
    const read = this.value(time);
    return typeof read === "number" ? read + this.#clockShift as Time : read;
  }

  part(part: Archived): void {
    part.archive(this);
  }

  optional<Part extends Archived>(
    part: Part | undefined,
    create: () => Part,
  ): Part | undefined {
    if (!this.value(part !== undefined)) return undefined;
    const created = create();
    created.archive(this);
    return created;
  }
}

/** The state of a value as bytes, of which `form` says how they are to be read. The value isn't changed. */
export function freeze(value: Archived, form: number): Uint8Array {
  const writer = new StateWriter();
  value.archive(writer);
  const state = writer.take();
  const head = new Uint8Array(headSize);
  const view = new DataView(head.buffer);
  view.setUint32(0, form);
  view.setUint32(4, checksum(state));
  return concat([head, state]);
}

/** Options for {@linkcode thaw}. */
export interface ThawOptions {
  /**
   * How many milliseconds the clock of the new value is ahead of the one of the old value: 0 if left out, as within
   * one process. Of `performance.now()` it is the old process's `performance.timeOrigin` less the new one's.
   */
  readonly clockShift?: number;
}

/**
 * Gives a new value the state that was frozen. Throws a {@linkcode LocalProtocolError} for another form, for damaged
 * bytes, and for a `clockShift` that is no number; the value can't be used then.
 */
export function thaw(
  value: Archived,
  frozen: Uint8Array,
  { form, clockShift = 0 }: ThawOptions & { readonly form: number },
): void {
  checkForm(frozen, form);
  if (!Number.isFinite(clockShift)) {
    throw new LocalProtocolError(
      `"clockShift" is ${shownValue(clockShift)}. Set it to a number of milliseconds.`,
    );
  }
  const reader = new StateReader(frozen.subarray(headSize), clockShift);
  value.archive(reader);
  if (!reader.isAtEnd) throw damaged();
}

/**
 * Checks that frozen bytes have a form, without a look at what they contain. Throws a {@linkcode LocalProtocolError}
 * if not.
 */
export function checkForm(frozen: Uint8Array, form: number): void {
  const { buffer, byteOffset, length } = plainBytes(frozen);
  if (length < headSize) throw damaged();
  const view = new DataView(buffer, byteOffset, length);
  const given = view.getUint32(0);
  if (given !== form) {
    throw new LocalProtocolError(
      `The connection was frozen in the form ${given}, and this version of dovewire reads the form ${form}. Thaw ` +
        "it with the version that froze it.",
    );
  }
  if (view.getUint32(4) !== checksum(frozen.subarray(headSize))) throw damaged();
}

/** Passes the items of a queue through an archive. */
export function archiveItems<Item>(state: StateArchive, queue: Queue<Item>): void {
  const items = state.value([...queue]);
  while (queue.size > 0) queue.shift();
  for (const item of items) queue.push(item);
}

/** A checksum of 32 bits: FNV-1a. */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}

function damaged(): LocalProtocolError {
  return new LocalProtocolError("The frozen bytes are damaged. Pass them on as they are.");
}
