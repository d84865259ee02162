/**
 * Recordings of real servers and clients, without the library's code, which is what they are to test.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { constants, inflateRawSync } from "node:zlib";

/** The servers that were recorded, by version. */
export const servers = ["2.3.19.1", "2.4.1"] as const;

/** A conversation with a real server. */
export interface Recording {
  /** The server's version and what was tried: "2.4.1/idle-done". */
  readonly name: string;
  /** What it went over: "tcp", "tls", or "tcp, then STARTTLS". */
  readonly transport: string;
  /** What went over the wire, in order; `bytes` is `undefined` where a side sent no more. */
  readonly steps: readonly RecordedStep[];
}

/** What one side sent. */
export interface RecordedStep {
  /** The side. */
  readonly by: "client" | "server";
  /** The bytes, uncompressed; `undefined` if it sent no more. */
  readonly bytes: Uint8Array | undefined;
}

/** All recordings of a server. */
export function loadRecordings(server: string): Recording[] {
  const file = new URL(`./recordings/${server}.jsonl`, import.meta.url);
  return readFileSync(file, "utf8").trimEnd().split("\n").map((line) => {
    const { name, transport, steps } = JSON.parse(line) as RecordedLine;
    return { name: `${server}/${name}`, transport, steps: stepsOf(steps) };
  });
}

/** A recording as it is written down. */
export interface RecordedLine {
  readonly name: string;
  readonly transport: string;
  readonly steps: readonly (readonly ["C" | "S" | "-", string?])[];
}

/** A recording's steps, without remarks and without compression. */
export function stepsOf(written: RecordedLine["steps"]): RecordedStep[] {
  const inflaters = { C: new Inflater(), S: new Inflater() };
  let isCompressed = false;
  const steps: RecordedStep[] = [];
  for (const [who, text] of written) {
    if (who === "-") continue;
    const by = who === "C" ? "client" : "server";
    if (text === undefined) steps.push({ by, bytes: undefined });
    else {
      const wire = new Uint8Array(Buffer.from(text, "base64"));
      const bytes: Uint8Array = isCompressed ? inflaters[who].push(wire) : wire;
      steps.push({ by, bytes });
      // The server answers in plain text, and everything after that is compressed.
      isCompressed ||= who === "S" && /OK Begin compression/.test(latin1(bytes));
    }
  }
  return steps;
}

/** Inflates a stream whose writes end in a flush. It does so from the start each time, which is short. */
class Inflater {
  #wire = new Uint8Array(0);
  #size = 0;

  push(wire: Uint8Array): Uint8Array {
    this.#wire = new Uint8Array(Buffer.concat([this.#wire, wire]));
    const plain = inflateRawSync(this.#wire, { finishFlush: constants.Z_SYNC_FLUSH });
    const added = new Uint8Array(plain.subarray(this.#size));
    this.#size = plain.length;
    return added;
  }
}

/** Bytes as a string of one character each. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The bytes of a string of one character each. */
export function fromLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
