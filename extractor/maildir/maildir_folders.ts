/**
 * The folders of a maildir, and the places of mails in them.
 *
 * @module
 */

import { lstatSync } from "node:fs";
import { ExtractorFailure } from "../messages/failure.ts";
import type { Directory } from "./directory.ts";
import {
  directoryOf,
  Folder,
  type MaildirRoot,
  type OpenFolder,
  type Place,
  useDirectory,
} from "./folder.ts";
import { folderNames, isInbox } from "./folder_names.ts";
import type { MailFile } from "./mail_file.ts";
import { errorCode, folderTitle, isMissing, noFolder, storageFailure } from "./storage_failure.ts";

/** A mail and its place, while its folder is open. */
export interface LocatedMail {
  /** The mail. */
  readonly mail: MailFile;
  /** Its folder. */
  readonly folder: Folder;
  /** The folder's directories. */
  readonly open: OpenFolder;
  /** The one that it is in. */
  readonly place: Place;
  /** The directory of its file. */
  readonly directory: Directory;
  /** Its file's name. */
  readonly name: string;
}

/** The folders of a maildir. */
export class MaildirFolders {
  readonly #root: MaildirRoot;
  /** The folders as last read, by their names. */
  #known: ReadonlyMap<string, Folder> = new Map();

  /** Takes the maildir's path. */
  constructor(root: MaildirRoot) {
    this.#root = root;
  }

  /** A folder by its name; throws an `ExtractorFailure` if there is none. */
  get(name: string): Folder {
    if (isInbox(name)) return new Folder(this.#root, "", "");
    const known = this.#known.get(name);
    if (known !== undefined && this.#isThere(known)) return known;
    const folder = this.read().get(name);
    if (folder === undefined) throw noFolder(name);
    return folder;
  }

  #isThere({ directoryName }: Folder): boolean {
    try {
      return this.#root.use((root) => isFolder(root, directoryName));
    } catch {
      return false;
    }
  }

  /** Reads the folders, by their names in order. */
  read(): ReadonlyMap<string, Folder> {
    const folders = new Map([["", new Folder(this.#root, "", "")]]);
    try {
      this.#root.use((root) => {
        const names = root.entries().map(({ name }) => name);
        for (const [directoryName, name] of folderNames(names)) {
          if (!isFolder(root, directoryName)) continue;
          folders.set(name, new Folder(this.#root, name, directoryName));
        }
      });
    } catch (error) {
      throw storageFailure("read the folders", error);
    }
    this.#known = folders;
    return folders;
  }

  /** Calls a function with a mail in its last place; `undefined` if that isn't a folder of the maildir. */
  at<Result>(
    mail: MailFile,
    act: (at: LocatedMail) => Result | undefined,
  ): Result | undefined {
    const found = this.#locate(mail);
    if (found === undefined) return undefined;
    const { folder, place, name } = found;
    return this.use(folder, (open) => {
      const directory = directoryOf(open, place);
      if (directory === undefined) return undefined;
      return act({ mail, folder, open, place, directory, name });
    });
  }

  /** Calls a function with a folder; `undefined` if it is gone. */
  use<Result>(folder: Folder, act: (open: OpenFolder) => Result): Result | undefined {
    let isOpen = false;
    try {
      return folder.use((open) => {
        isOpen = true;
        return act(open);
      });
    } catch (error) {
      if (isOpen) throw error;
      if (error instanceof ExtractorFailure || isMissing(error)) return undefined;
      throw storageFailure(`open ${folderTitle(folder.name)}`, error);
    }
  }

  /** The place that a mail's path describes; `undefined` for a path outside the maildir. */
  #locate(mail: MailFile): { folder: Folder; place: Place; name: string } | undefined {
    const start = `${new Folder(this.#root, "", "").path}/`;
    if (!mail.path.startsWith(start)) return undefined;
    const names = mail.path.slice(start.length).split("/");
    const directoryName = names.length === 3 ? names.shift()! : "";
    const [place, name] = names;
    if (names.length !== 2 || place !== "cur" && place !== "new") return undefined;
    if (
      [directoryName, name].some((name) => name === "." || name === ".." || name.includes("\0"))
    ) {
      return undefined;
    }
    return { folder: new Folder(this.#root, mail.folder, directoryName), place, name };
  }
}

function isFolder(root: Directory, name: string): boolean {
  try {
    return useDirectory(root, name, (directory) => {
      if (directory?.at("cur", (path) => lstatSync(path)).isDirectory() !== true) return false;
      // A link leads out of the maildir; it may be missing, since some copies leave out what is empty.
      const fresh = directory.at("new", (path) => lstatSync(path, { throwIfNoEntry: false }));
      return fresh === undefined || fresh.isDirectory();
    });
  } catch (error) {
    // This process may not read it, or it has no mails.
    if (isMissing(error) || errorCode(error) === "EACCES") return false;
    throw error;
  }
}
