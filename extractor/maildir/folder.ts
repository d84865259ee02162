/**
 * A maildir's directory and those of its folders, open during a call.
 *
 * @module
 */

import { join } from "node:path";
import { Directory } from "./directory.ts";
import { noFolder } from "./storage_failure.ts";

/** A folder's directories while they are open. */
export interface OpenFolder {
  /** The folder's own directory. */
  readonly directory: Directory;
  /** For mails that a program has seen. */
  readonly cur: Directory;
  /** For new mails; missing in some copies of folders, because it was empty. */
  readonly fresh: Directory | undefined;
}

/** Which of a folder's directories a mail is in. */
export type Place = "cur" | "new";

/** The directory of a maildir, opened again for each call. */
export class MaildirRoot {
  /** Its path. */
  readonly path: string;
  readonly #follow: boolean;

  /** Takes a path; its last name may be a link only if `follow` is set. */
  constructor(path: string, { follow }: { readonly follow: boolean }) {
    this.path = path;
    this.#follow = follow;
  }

  /** Calls a function with the directory; throws the error of `node:fs` if it can't be opened. */
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
  /** Its name; "" for the inbox. */
  readonly name: string;
  /** The name of its directory in the maildir; "" for the maildir itself. */
  readonly directoryName: string;
  readonly #root: MaildirRoot;

  /** Takes the maildir, the folder's name, and its directory's. */
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
   * Calls a function with its directories. Each name is looked up in the folder itself, even if its path
   * leads elsewhere meanwhile. Throws an `ExtractorFailure` "not-found" if it isn't a folder, and the error
   * of `node:fs` if it can't be opened.
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

  /** Calls a function with its own directory, if there is one, whatever is in it. */
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

/** Calls a function with a directory in another, if there is one of that name. */
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
