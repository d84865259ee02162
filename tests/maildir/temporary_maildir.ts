/**
 * Maildirs for tests.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A maildir in a temporary directory, which is removed when it is disposed of. */
export class TemporaryMaildir implements Disposable {
  /** Its path. */
  readonly path: string = mkdtempSync(join(tmpdir(), "dovewire-maildir-"));

  /** Makes one, with folders by the names of their directories. */
  constructor(...folders: string[]) {
    this.makeFolder("");
    for (const folder of folders) this.makeFolder(folder);
  }

  /** Makes a folder by the name of its directory. */
  makeFolder(directory: string): void {
    for (const name of ["new", "cur", "tmp"]) {
      mkdirSync(join(this.path, directory, name), { recursive: true });
    }
  }

  /** Writes a mail by its path in the maildir: "cur/1.host:2,S". */
  write(name: string, text: string, received?: number): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    if (received !== undefined) utimesSync(path, received, received);
    return path;
  }

  /** The names of a directory's files in order. */
  files(directory: string): string[] {
    return readdirSync(join(this.path, directory)).sort();
  }

  /** Lets a directory look as if nobody had touched it for a time, in seconds. */
  settle(directory = "", seconds = 10): void {
    const then = Math.floor(Date.now() / 1000) - seconds;
    for (const name of ["new", "cur"]) utimesSync(join(this.path, directory, name), then, then);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}
