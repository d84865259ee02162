/**
 * A journal in a file.
 *
 * The file has a line for each text that was saved, with a checksum ahead of it; the last whole line counts.
 * From 1 MiB on it is replaced by a new one with one line.
 *
 * @module
 */

import type { FileHandle } from "node:fs/promises";
import { LocalProtocolError } from "../core/errors.ts";
import type { SweepJournal } from "./journal.ts";
import { OrderHash } from "./order_hash.ts";
import { JournalError } from "./sweep_errors.ts";

/** Options for a {@linkcode fileJournal}. */
export interface FileJournalOptions {
  /**
   * Whether each save reaches the disk before the work goes on; `false` if left out. A killed process loses
   * nothing without it; a machine that loses its power may, and then runs work twice.
   */
  sync?: boolean;
}

/** The size from which on the file is replaced, in bytes. */
const replacedFrom = 1_048_576;

/** The size of a file that is no journal, in bytes. */
const tooLarge = 256 * 1_048_576;

/**
 * A journal in a file, which only its owner can read. `sweep()` makes one of a path.
 *
 * When a second sweep opens the file, it takes it over: the first one ends with a `JournalError`, as if it
 * was killed. Runs on Node, Deno and Bun.
 */
export function fileJournal(path: string, options: FileJournalOptions = {}): SweepJournal {
  if (typeof path !== "string" || path === "") {
    throw new LocalProtocolError("A journal needs the path of its file.");
  }
  return new FileJournal(path, options.sync === true);
}

class FileJournal implements SweepJournal {
  readonly #path: string;
  readonly #sync: boolean;
  #file: FileHandle | undefined;
  #size = 0;

  constructor(path: string, sync: boolean) {
    this.#path = path;
    this.#sync = sync;
  }

  /**
   * Reads the file, and takes it over: others see that the path has another file, and end. Whatever they
   * saved before that is read.
   */
  async load(): Promise<string | undefined> {
    if (this.#file !== undefined) {
      throw new JournalError(`Another sweep uses the journal ${this.#path}.`);
    }
    try {
      for (;;) {
        const old = await this.#open();
        if (old !== undefined) return await this.#takeOver(old);
        if (await this.#create()) return undefined;
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async save(text: string): Promise<void> {
    if (this.#size >= replacedFrom) {
      await this.#checkOwner();
      await this.#replace(text);
    } else await this.#append(text);
    // After the write: who takes the file over reads what was written before.
    await this.#checkOwner();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** The file that is there; `undefined` if there is none. */
  async #open(): Promise<FileHandle | undefined> {
    const { open } = await import("node:fs/promises");
    try {
      return await open(this.#path, "r");
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async #takeOver(old: FileHandle): Promise<string | undefined> {
    try {
      await this.#replace(this.#read(await readAll(old, this.#path)));
      const last = this.#read(await readAll(old, this.#path));
      if (last !== undefined) await this.save(last);
      return last;
    } finally {
      await old.close();
    }
  }

  /** Creates an empty file; returns whether there was none. */
  async #create(): Promise<boolean> {
    const { open } = await import("node:fs/promises");
    try {
      this.#file = await open(this.#path, "ax", 0o600);
      this.#size = 0;
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code === "EEXIST") return false;
      throw error;
    }
  }

  /** Puts a new file with one text in place of the one that is there. */
  async #replace(text: string | undefined): Promise<void> {
    const { open, rename, unlink } = await import("node:fs/promises");
    const path = `${this.#path}.${crypto.randomUUID().slice(0, 8)}.new`;
    const old = this.#file;
    this.#file = await open(path, "ax", 0o600);
    this.#size = 0;
    await old?.close();
    try {
      if (text !== undefined) await this.#append(text);
      await rename(path, this.#path);
    } catch (error) {
      await unlink(path).catch(() => {});
      throw error;
    }
    if (this.#sync) await this.#syncFolder();
  }

  async #append(text: string): Promise<void> {
    const file = this.#file!;
    const line = new TextEncoder().encode(`${checksum(text)} ${text}\n`);
    for (let at = 0; at < line.length;) {
      const { bytesWritten } = await file.write(line, at, line.length - at);
      at += bytesWritten;
    }
    this.#size += line.length;
    if (this.#sync) await file.datasync();
  }

  /** Rejects if another sweep has put its file there, or if the file was removed. */
  async #checkOwner(): Promise<void> {
    const { stat } = await import("node:fs/promises");
    const own = await this.#file!.stat({ bigint: true });
    const there = await stat(this.#path, { bigint: true }).catch(() => undefined);
    if (there?.ino === own.ino && there.dev === own.dev) return;
    throw new JournalError(
      `The journal ${this.#path} was removed, or taken over by another sweep. Let one sweep at a time use it.`,
    );
  }

  async #syncFolder(): Promise<void> {
    const [{ open }, { dirname }] = [await import("node:fs/promises"), await import("node:path")];
    const folder = await open(dirname(this.#path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** The last text that is whole; `undefined` if there is none. */
  #read(content: string): string | undefined {
    const lines = content.split("\n");
    // What follows the last line feed was not written to its end.
    const rest = lines.pop()!;
    for (let at = lines.length - 1; at >= 0; at--) {
      const text = lines[at].slice(checksumLength + 1);
      if (lines[at] === `${checksum(text)} ${text}`) return text;
    }
    if (lines.length === 0 && /^[0-9a-f]{0,16}($| ($|\{))/.test(rest)) return undefined;
    throw new JournalError(
      `${this.#path} is not the journal of a sweep. Use another path, or remove it.`,
    );
  }
}

/** How many characters a checksum has. */
const checksumLength = 16;

function checksum(text: string): string {
  const hash = new OrderHash();
  hash.add(text);
  return hash.value;
}

/** The content of a file from its start. */
async function readAll(file: FileHandle, path: string): Promise<string> {
  const { size } = await file.stat();
  if (size > tooLarge) {
    throw new JournalError(`${path} is too large for the journal of a sweep. Use another path.`);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return new TextDecoder().decode(bytes.subarray(0, at));
}
