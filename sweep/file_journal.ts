/**
 * A journal in a file.
 *
 * The file has a line for each text that was saved, with a checksum before it; the last whole line counts.
 * From 1 MiB on it is replaced by a new one with one line.
 *
 * @module
 */

import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { decodeUtf8, encodeUtf8 } from "../core/bytes.ts";
import { LocalProtocolError } from "../core/errors.ts";
import { checkOptions } from "../core/option_checks.ts";
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
 * A journal in a file, which only its owner can read. `sweep()` creates one for a path.
 *
 * When a second sweep opens the file, it takes it over: the first one ends with a `JournalError`, as if it
 * was killed. Runs on Node, Deno and Bun. Throws a `LocalProtocolError` for an empty path, or an invalid option.
 */
export function fileJournal(path: string, options: FileJournalOptions = {}): SweepJournal {
  if (typeof path !== "string" || path === "") {
    throw new LocalProtocolError("A journal needs the path of its file.");
  }
  checkOptions(options, { booleans: ["sync"] });
  return new FileJournal(path, options.sync === true);
}

/** A file's identity, whatever its name. */
type FileId = Pick<BigIntStats, "dev" | "ino">;

/** The file of a journal, as long as this sweep has it. */
interface OwnFile {
  readonly handle: FileHandle;
  readonly id: FileId;
  /** How many bytes were written. */
  size: number;
}

class FileJournal implements SweepJournal {
  #path: string;
  readonly #sync: boolean;
  /** Writes go at once, since work waits for each: to another thread and back takes longer than a write. */
  #fs!: typeof import("node:fs");
  #file: OwnFile | undefined;
  /** Whether a sweep uses it, from before it has the file. */
  #isTaken = false;

  constructor(path: string, sync: boolean) {
    this.#path = path;
    this.#sync = sync;
  }

  /**
   * Reads the file, and takes it over: others see that the path has another file, and end. Whatever they
   * saved before that is read.
   */
  async load(): Promise<string | undefined> {
    if (this.#isTaken) {
      throw new JournalError(
        `Another sweep uses the journal ${this.#path}. Give each sweep a journal of its own.`,
      );
    }
    this.#isTaken = true;
    this.#fs = await import("node:fs");
    try {
      this.#path = await this.#filePath();
      for (;;) {
        const old = await this.#open();
        if (old === undefined) {
          if (await this.#create()) return undefined;
          continue;
        }
        const found = await this.#takeOver(old);
        if (found !== undefined) return found.text;
        await this.#closeFile();
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async save(text: string): Promise<void> {
    if (this.#file!.size >= replacedFrom) {
      await this.#replace(text, this.#file!.id);
    } else await this.#append(text);
    // After the write: who takes the file over reads what was written before.
    this.#checkOwner();
  }

  async close(): Promise<void> {
    this.#isTaken = false;
    await this.#closeFile();
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close();
  }

  /**
   * The path without links: a link would be replaced, and not the file. Throws a {@linkcode JournalError} for
   * what is no file, such as /dev/null, and for a link to nothing.
   */
  async #filePath(): Promise<string> {
    const { lstat, realpath } = this.#fs.promises;
    try {
      const path = await realpath(this.#path);
      if ((await lstat(path)).isFile()) return path;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
      const isLink = await lstat(this.#path).then((there) => there.isSymbolicLink(), () => false);
      if (!isLink) return this.#path;
    }
    throw new JournalError(
      `${this.#path} is not a file, or is a link to none. Use another path for the journal.`,
    );
  }

  /** The file that is there; `undefined` if there is none. */
  async #open(): Promise<FileHandle | undefined> {
    try {
      return await this.#fs.promises.open(this.#path, "r");
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Takes a file over, and returns what it has; `undefined` if the path has another one by then. */
  async #takeOver(old: FileHandle): Promise<{ readonly text: string | undefined } | undefined> {
    try {
      const id = await old.stat({ bigint: true });
      if (!await this.#replace(this.#read(await readAll(old, this.#path)), id)) return undefined;
      const last = this.#read(await readAll(old, this.#path));
      if (last !== undefined) await this.save(last);
      return { text: last };
    } finally {
      await old.close();
    }
  }

  /** Creates an empty file; returns whether there was none. */
  async #create(): Promise<boolean> {
    try {
      this.#file = await this.#new(this.#path);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code === "EEXIST") return false;
      throw error;
    }
  }

  /** Puts a new file with one text in place of the one that is there; returns `false` if another one is. */
  async #replace(text: string | undefined, there: FileId): Promise<boolean> {
    const { unlink } = this.#fs.promises;
    const path = await this.#besideIt();
    const old = this.#file;
    this.#file = await this.#new(path);
    let isReplaced = false;
    try {
      if (text !== undefined) await this.#append(text);
      // Looked at last of all: what another sweep has saved in a file of its own must not be lost.
      if (this.#isThere(there)) {
        this.#fs.renameSync(path, this.#path);
        isReplaced = true;
      }
    } finally {
      // Not before: another file could get its identity.
      await old?.handle.close();
      if (!isReplaced) await unlink(path).catch(() => {});
    }
    if (isReplaced && this.#sync) await this.#syncFolder();
    return isReplaced;
  }

  /** A path in the same folder that no file has: of a name that is no longer than file systems take. */
  async #besideIt(): Promise<string> {
    const { basename, dirname, join } = await import("node:path");
    // A character has four bytes at most, and a name 255.
    const start = basename(this.#path).slice(0, 50);
    return join(dirname(this.#path), `${start}.${crypto.randomUUID().slice(0, 8)}.new`);
  }

  /** Creates a file, where there must be none. */
  async #new(path: string): Promise<OwnFile> {
    const handle = await this.#fs.promises.open(path, "ax", 0o600);
    return { handle, id: await handle.stat({ bigint: true }), size: 0 };
  }

  async #append(text: string): Promise<void> {
    const file = this.#file!;
    const line = encodeUtf8(`${checksum(text)} ${text}\n`);
    for (let at = 0; at < line.length;) {
      at += this.#fs.writeSync(file.handle.fd, line, at, line.length - at);
    }
    file.size += line.length;
    if (this.#sync) await file.handle.datasync();
  }

  /** Throws if another sweep has put its file there, or if the file was removed. */
  #checkOwner(): void {
    if (this.#isThere(this.#file!.id)) return;
    throw new JournalError(
      `The journal ${this.#path} was removed, or taken over by another sweep. Let one sweep at a time use it.`,
    );
  }

  /** Whether the path leads to that file. */
  #isThere(id: FileId): boolean {
    const there = this.#fs.statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    return there?.ino === id.ino && there.dev === id.dev;
  }

  async #syncFolder(): Promise<void> {
    const { dirname } = await import("node:path");
    const folder = await this.#fs.promises.open(dirname(this.#path), "r");
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
  return decodeUtf8(bytes.subarray(0, at));
}
