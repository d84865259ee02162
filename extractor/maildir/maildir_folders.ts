/**
 * The folders of a maildir, and mails where they are in them.
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

/** A mail, and where it is, while its folder is open. */
export interface LocatedMail {
  /** The mail. */
  readonly mail: MailFile;
  /** The folder that it is in. */
  readonly folder: Folder;
  /** The folder's directories. */
  readonly open: OpenFolder;
  /** Which of them it is in. */
  readonly place: Place;
  /** The directory that its file is in. */
  readonly directory: Directory;
  /** Its file's name. */
  readonly name: string;
}

/** The folders of a maildir. */
export class MaildirFolders {
  readonly #root: MaildirRoot;
  /** Those that there were when they were read last, by their names. */
  #known: ReadonlyMap<string, Folder> = new Map();

  /** Takes where the maildir is. */
  constructor(root: MaildirRoot) {
    this.#root = root;
  }

  /** A folder by its name; throws the `ExtractorFailure` that there is none. */
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

  /** Reads which folders there are, by their names in order. */
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

  /** Does something with a mail where it was; `undefined` where that isn't a folder of the maildir. */
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

  /** Does something with a folder; `undefined` where it isn't there any more. */
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

  /** What a mail's path says of where it was. What doesn't lead into the maildir is nowhere. */
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
      return directory?.at("cur", (path) => lstatSync(path)).isDirectory() ?? false;
    });
  } catch (error) {
    // It is nobody's to look into, or has no mails.
    if (isMissing(error) || errorCode(error) === "EACCES") return false;
    throw error;
  }
}
