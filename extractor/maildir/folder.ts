/**
 * A maildir's directory and those of its folders, opened for as long as something is done in them.
 *
 * @module
 */

import { join } from "node:path";
import { Directory } from "./directory.ts";
import { noFolder } from "./storage_failure.ts";

/** A folder's directories while they are open. */
export interface OpenFolder {
  /** The folder's own. */
  readonly directory: Directory;
  /** Of mails that were looked at. */
  readonly cur: Directory;
  /** Of mails that just came; some programs copy folders without directories that are empty. */
  readonly fresh: Directory | undefined;
}

/** Which of a folder's directories a mail is in. */
export type Place = "cur" | "new";

/** The directory of a maildir, which is opened anew each time that something is done in it. */
export class MaildirRoot {
  /** Its path. */
  readonly path: string;
  readonly #follow: boolean;

  /** Takes a path; links in its last name are followed if `follow` is set. */
  constructor(path: string, { follow }: { readonly follow: boolean }) {
    this.path = path;
    this.#follow = follow;
  }

  /** Does something with the directory; throws what `node:fs` throws where it can't be opened. */
  use<Result>(act: (directory: Directory) => Result): Result {
    const directory = Directory.open(this.path, { follow: this.#follow });
    try {
      return act(directory);
    } finally {
      directory.close();
    }
  }
}

/** A folder and its directory. */
export class Folder {
  /** What it is called; "" for the inbox. */
  readonly name: string;
  /** What its directory is called in the maildir's; "" for that itself. */
  readonly directoryName: string;
  readonly #root: MaildirRoot;

  /** Takes where the maildir is, the folder's name, and its directory's. */
  constructor(root: MaildirRoot, name: string, directoryName: string) {
    this.#root = root;
    this.name = name;
    this.directoryName = directoryName;
  }

  /** The path of its directory. */
  get path(): string {
    return join(this.#root.path, this.directoryName);
  }

  /**
   * Does something with its directories, through which each name is looked up in the folder itself,
   * whatever its path leads to meanwhile. Throws an `ExtractorFailure` "not-found" where it isn't one,
   * and what `node:fs` throws where it can't be opened.
   */
  use<Result>(act: (folder: OpenFolder) => Result): Result {
    return this.useDirectory((directory) => {
      if (directory === undefined) throw noFolder(this.name);
      return useDirectory(directory, "cur", (cur) => {
        if (cur === undefined) throw noFolder(this.name);
        return useDirectory(directory, "new", (fresh) => {
          // A link leads out of the maildir.
          if (fresh === undefined && directory.has("new")) throw noFolder(this.name);
          return act({ directory, cur, fresh });
        });
      });
    });
  }

  /** Does something with its own directory, if there is one; what it has may be anything. */
  useDirectory<Result>(act: (directory: Directory | undefined) => Result): Result {
    const { directoryName } = this;
    return this.#root.use((root) => {
      return directoryName === "" ? act(root) : useDirectory(root, directoryName, act);
    });
  }
}

/** The one of a folder's directories that a mail is in. */
export function directoryOf({ cur, fresh }: OpenFolder, place: Place): Directory | undefined {
  return place === "cur" ? cur : fresh;
}

/** Does something with a directory in another, if there is one of that name. */
export function useDirectory<Result>(
  parent: Directory,
  name: string,
  act: (directory: Directory | undefined) => Result,
): Result {
  const directory = parent.directory(name);
  try {
    return act(directory);
  } finally {
    directory?.close();
  }
}
