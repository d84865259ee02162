/**
 * Reads and changes real maildirs while other programs use them.
 *
 * @module
 */

import { ExtractorFailure } from "../messages/failure.ts";
import {
  ContentReader,
  headerBudget,
  readHeaderInPlace,
  type UnpackingBudget,
} from "./compression/content.ts";
import { loadUnpackers } from "./compression/formats.ts";
import { defaultMaxUnpacked } from "./compression/unpacker.ts";
import { deliver, type NewMail, removeMail, renameMail } from "./delivery.ts";
import { isMarkedSeen, markedSeen, nameInCur, sizeInName, uniqueName } from "./file_name.ts";
import { type Folder, MaildirRoot, useDirectory } from "./folder.ts";
import { FolderScan, type FolderTotals } from "./folder_scan.ts";
import { withKeywordsOf } from "./keywords.ts";
import { type ByteRange, fileIdentity, fileInfo, type MailFile } from "./mail_file.ts";
import { type LocatedMail, MaildirFolders } from "./maildir_folders.ts";
import { type MailOrder, parseOrder, sortedIndexes } from "./mail_order.ts";
import { tellQuota } from "./quota_file.ts";
import { folderTitle, isUnreadable, noFolder, noMail, storageFailure } from "./storage_failure.ts";

/** Exports of the other files that are public. */
export type { ByteRange, FolderTotals, MailFile, NewMail, UnpackingBudget };
export { loadUnpackers };

/** A range of a folder's mails, and their order. */
export interface ListOptions {
  /** "" for the inbox. */
  readonly folder: string;
  /** The first mail, from 0 on. */
  readonly start: number;
  /** The index after the last mail; the folder's end if there are fewer. */
  readonly end: number;
  /**
   * "date" (of delivery), "sender", "subject" or "size"; a "!" before it reverses the order; "" for
   * "date".
   */
  readonly sortBy: string;
}

/** Options of {@linkcode Maildir.open}. */
export interface MaildirOptions {
  /**
   * How many mails' names are cached at most, so that an unchanged folder isn't read again; 300,000 if
   * left out, which takes some 60 MB. The folder used last is always cached.
   */
  readonly maxRemembered?: number;
  /**
   * The maximum unpacked size of a compressed mail, in bytes; 128 MiB if left out. A larger one is the
   * failure "limit".
   */
  readonly maxUnpackedSize?: number;
  /**
   * Whether the maildir's path may be a symbolic link itself; `true` if left out. Links earlier in the path
   * are always followed, and links in the maildir never are.
   */
  readonly followLink?: boolean;
}

/** The failure for an invalid option. */
function invalid(option: string, value: unknown, right: string): ExtractorFailure {
  return new ExtractorFailure("invalid", `"${option}" is ${String(value)}. Give ${right}.`);
}

/** How often a mail is looked up again that other programs rename meanwhile. */
const attempts = 5;

/**
 * A maildir with its folders (Maildir++).
 *
 * Names of folders and mails that a caller passes are compared with existing ones and never become part
 * of a path, so that nothing outside is within reach. Symbolic links aren't followed, even if somebody
 * replaces a folder by one while it is read: systems with a path to an open directory, such as Linux with
 * /proc, guarantee that; on others it is checked before and after.
 *
 * Mails that Dovecot's plugins zlib or mail_compress have compressed are read as the original: gz, bz2,
 * zstd and lz4, and xz, which only Dovecot 2.3 reads. A mail that can't be unpacked is the failure
 * "storage", or "limit" if it is too large. The unpackers of bz2, zstd and xz must be loaded first: see
 * {@linkcode loadUnpackers}.
 *
 * A folder is read again only if it has changed. Other programs may deliver, mark, move and remove mails
 * at any time: a mail that isn't where it was is searched for in all folders.
 *
 * All methods are synchronous and throw an `ExtractorFailure`: "not-found" for a missing mail or folder,
 * "invalid" for a wrong argument, "storage" for an error of the file system.
 *
 * @example
 * ```ts
 * import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
 * import { Maildir } from "./maildir.ts";
 *
 * const path = mkdtempSync("/tmp/maildir-");
 * for (const name of ["cur", "new", "tmp"]) mkdirSync(`${path}/${name}`);
 * const maildir = Maildir.open(path);
 * const data = new TextEncoder().encode("Subject: Hello\n\nHi.\n");
 * const { mid } = maildir.add({ folder: "", data, seen: false, received: undefined });
 * console.log(maildir.count("").unseen); // 1
 * maildir.markSeen(maildir.find(mid));
 * console.log(maildir.count("").unseen); // 0
 * rmSync(path, { recursive: true });
 * ```
 */
export class Maildir {
  readonly #root: MaildirRoot;
  readonly #maxRemembered: number;
  readonly #contents: ContentReader;
  readonly #folders: MaildirFolders;
  /** Cached scans by their directories, the one used last at the end. */
  readonly #scans = new Map<string, FolderScan>();
  /** The directory of the folder that was listed last. */
  #listed = "";

  private constructor(path: string, options: MaildirOptions) {
    if (typeof options !== "object" || options === null) {
      throw invalid("options", options, "an object, or leave it out");
    }
    const { followLink = true, maxRemembered = 300_000, maxUnpackedSize = defaultMaxUnpacked } =
      options;
    if (typeof maxUnpackedSize !== "number" || !(maxUnpackedSize > 0)) {
      throw invalid("maxUnpackedSize", maxUnpackedSize, "a number above 0");
    }
    if (typeof maxRemembered !== "number" || !(maxRemembered >= 0)) {
      throw invalid("maxRemembered", maxRemembered, "a number from 0 on");
    }
    // A text such as "false" would follow links.
    if (typeof followLink !== "boolean") throw invalid("followLink", followLink, "true or false");
    this.#root = new MaildirRoot(path, { follow: followLink });
    this.#folders = new MaildirFolders(this.#root);
    this.#maxRemembered = maxRemembered;
    this.#contents = new ContentReader(maxUnpackedSize);
  }

  /** Opens a maildir by its path; throws an `ExtractorFailure` if there is none. */
  static open(path: string, options: MaildirOptions = {}): Maildir {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      const shown = typeof path === "string" ? JSON.stringify(path) : String(path);
      throw new ExtractorFailure(
        "invalid",
        `${shown} is not a valid path. Give the path of a maildir.`,
      );
    }
    const maildir = new Maildir(path, options);
    let isMaildir: boolean;
    try {
      // A link could lead to another user's maildir, as with folders.
      isMaildir = maildir.#root.use((root) => {
        if (!root.has("cur")) throw Object.assign(new Error("no cur"), { code: "ENOENT" });
        return useDirectory(root, "cur", (cur) => cur !== undefined);
      });
    } catch (error) {
      throw storageFailure(`open the maildir ${path}`, error);
    }
    if (isMaildir) return maildir;
    throw new ExtractorFailure(
      "storage",
      `Cannot open the maildir ${path}: "cur" is not a directory. Give the path of a maildir.`,
    );
  }

  /** The names of all folders except the inbox, in order, levels separated by ".". */
  folders(): string[] {
    return [...this.#folders.read().keys()].filter((name) => name !== "");
  }

  /** How many mails a folder has, their total size as far as the files' names have it, and how many are unread. */
  count(folder: string): FolderTotals {
    return this.#scan(this.#folders.get(folder)).totals();
  }

  /**
   * A page of a folder's mails. Equal mails are ordered by delivery, so that pages don't overlap.
   *
   * If the folder has changed since the last call, sorting by date or size reads each file's size and
   * time; sorting by sender or subject also reads each mail's header. Otherwise only the page's mails are
   * read.
   */
  list({ folder, start, end, sortBy }: ListOptions): MailFile[] {
    const order = parseOrder(sortBy);
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end) {
      throw new ExtractorFailure(
        "invalid",
        `There is no page from ${start} to ${end}: the start must not be after the end, nor either ` +
          "below 0.",
      );
    }
    return this.#page(this.#folders.get(folder), { order, start, end });
  }

  /** All mails of a folder, the latest delivery first. */
  mails(folder: string): MailFile[] {
    const order: MailOrder = { by: "date", isReversed: true };
    return this.#page(this.#folders.get(folder), { order, start: 0, end: Infinity });
  }

  #page(
    folder: Folder,
    { order, start, end }: { order: MailOrder; start: number; end: number },
  ): MailFile[] {
    let scan = this.#scan(folder);
    this.#listed = folder.directoryName;
    let sorted = sortedIndexes(scan, order.by);
    // A vanished mail may have another name now.
    for (let attempt = 1; sorted.length < scan.length && attempt < attempts; attempt++) {
      if (scan.isCurrent()) break;
      scan = this.#scan(folder, true);
      sorted = sortedIndexes(scan, order.by);
    }
    const { length } = sorted;
    const page = order.isReversed
      ? sorted.slice(Math.max(length - end, 0), Math.max(length - start, 0)).reverse()
      : sorted.slice(start, Math.min(end, length));
    return scan.mails(page);
  }

  /**
   * Finds a mail by its unique name, in any folder. If several folders have copies of that name, the one in
   * the folder listed last wins.
   */
  find(mid: string): MailFile {
    for (const scan of [this.#scans.get(this.#listed), ...this.#scans.values()]) {
      const mail = scan?.find(mid);
      if (mail !== undefined) return mail;
    }
    let unreadable: ExtractorFailure | undefined;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const looked: FolderScan[] = [];
      for (const folder of this.#folders.read().values()) {
        const scan = this.#scanIfThere(folder);
        if (scan instanceof ExtractorFailure) {
          unreadable = scan;
          continue;
        }
        const mail = scan?.find(mid);
        if (mail !== undefined) return mail;
        if (scan !== undefined) looked.push(scan);
      }
      // It wasn't moved from a folder still to be searched to one already searched.
      if (looked.every((scan) => scan.isCurrent() && !scan.has(mid))) break;
    }
    throw unreadable ?? noMail(mid);
  }

  /** A mail's bytes, or a range of them, shorter at its end. */
  read(mail: MailFile, range?: ByteRange): Uint8Array {
    if (range !== undefined && !(isCount(range.offset) && isCount(range.length))) {
      throw new ExtractorFailure(
        "invalid",
        `There are no ${range.length} bytes from ${range.offset} on: give whole numbers, not below 0.`,
      );
    }
    return this.#whereverItIs(mail, (at) => this.#contents.read(at.directory, at.name, range));
  }

  /** A mail's first bytes, at most as many as asked for, without unpacking more than that. */
  readStart(mail: MailFile, length: number): Uint8Array {
    if (!isCount(length)) {
      throw new ExtractorFailure("invalid", `There are no ${length} bytes: give a whole number.`);
    }
    return this.#whereverItIs(mail, (at) => {
      return this.#contents.readStart(at.directory, at.name, length);
    });
  }

  /**
   * A mail's actual size in bytes, as {@linkcode Maildir.read} returns them: not the size in its file's
   * name, but that of the unpacked content.
   */
  contentSize(mail: MailFile): number {
    return this.#whereverItIs(mail, (at) => this.#contents.size(at.directory, at.name));
  }

  /**
   * A mail's header with the empty line after it; the first 256 KiB of a larger one. The budget is the time for
   * unpacking this and others, some 5 s if left out; without any left, a compressed mail is a failure.
   */
  readHeader(mail: MailFile, budget: UnpackingBudget = headerBudget(1)): Uint8Array {
    return this.#whereverItIs(mail, (at) => {
      return readHeaderInPlace(at.directory, at.name, budget)?.slice();
    });
  }

  /** Sets a mail's flag S; a mail in `new` moves to `cur`. */
  markSeen(mail: MailFile): MailFile {
    return this.#whereverItIs(mail, (at) => {
      const { mail, folder, place, name } = at;
      if (mail.seen && place === "cur") return fileInfo(at.directory, name) && mail;
      const marked = markedSeen(name);
      if (!renameMail(at, { directory: at.open.cur, name: marked })) return undefined;
      return { ...mail, seen: true, path: `${folder.path}/cur/${marked}` };
    });
  }

  /**
   * Moves a mail to another folder by renaming its file, with its flags, its unique name and those of
   * Dovecot's keywords that the folder has too. It is in exactly one of the two at any time. In the same
   * folder it does nothing. Nothing is ever overwritten: another mail of that unique name in the folder is
   * a failure. If the folder has the very same file under two names, both stay.
   */
  move(mail: MailFile, folder: string): MailFile {
    const target = this.#folders.get(folder);
    return this.#whereverItIs(mail, (at) => {
      const { mail } = at;
      if (mail.folder === target.name) return fileInfo(at.directory, at.name) && mail;
      const double = this.#double(target, at);
      if (double !== undefined) return double;
      const moved = this.#folders.use(target, (open) => {
        const name = withKeywordsOf(nameInCur(at.name), at.open.directory, open.directory);
        if (!renameMail(at, { directory: open.cur, name })) return null;
        const [mid, seen] = [uniqueName(name), isMarkedSeen(name)];
        return { ...mail, mid, folder: target.name, seen, path: `${target.path}/cur/${name}` };
      });
      if (moved === undefined) throw noFolder(target.name);
      return moved ?? undefined;
    });
  }

  /**
   * The mail of the same unique name in the target folder. Throws if it is another mail: different flags
   * would prevent overwriting, but the two would share a name.
   */
  #double(target: Folder, { mail, directory, name }: LocatedMail): MailFile | undefined {
    // An older scan is enough: whoever moved a mail there since gave it a unique name as well.
    const scan = this.#scans.get(target.directoryName) ?? this.#scan(target);
    const double = scan.find(mail.mid);
    if (double === undefined) return undefined;
    const here = fileIdentity(directory, name);
    const there = this.#folders.at(double, (at) => fileIdentity(at.directory, at.name));
    // Another program is moving it right now.
    if (here === undefined || there === undefined) return undefined;
    if (here === there) return double;
    const what = `move the mail ${JSON.stringify(mail.mid)}`;
    const where = folderTitle(target.name);
    throw new ExtractorFailure(
      "storage",
      `Cannot ${what}: ${where} has another mail of that name.`,
    );
  }

  /** Adds a mail to a folder, whatever the quota, and counts it in the quota. */
  add({ folder, data, seen, received }: NewMail & { readonly folder: string }): MailFile {
    if (received !== undefined && Number.isNaN(received.getTime())) {
      throw new ExtractorFailure("invalid", "The date of delivery is invalid.");
    }
    const mail = deliver(this.#folders.get(folder), { data, seen, received });
    tellQuota(this.#root, { size: mail.size, count: 1 });
    return mail;
  }

  /** Removes a mail permanently. */
  remove(mail: MailFile): void {
    this.#whereverItIs(mail, (at) => {
      if (!removeMail(at)) return undefined;
      tellQuota(this.#root, { size: -(sizeInName(at.name) ?? mail.size), count: -1 });
      return true;
    });
  }

  /** Calls a function with a mail, and again with its new place if its file was renamed. */
  #whereverItIs<Result>(
    mail: MailFile,
    act: (at: LocatedMail) => Result | undefined,
  ): Result {
    let current = mail;
    for (let attempt = 1;; attempt++) {
      const result = this.#folders.at(current, act);
      if (result !== undefined) return result;
      if (attempt === attempts) throw noMail(mail.mid);
      current = this.find(mail.mid);
    }
  }

  /** A folder's current scan. */
  #scan(folder: Folder, isForced = false): FolderScan {
    const known = this.#scans.get(folder.directoryName);
    this.#scans.delete(folder.directoryName);
    const scan = !isForced && known?.isCurrent() ? known : FolderScan.read(folder);
    this.#scans.set(folder.directoryName, scan);
    this.#forget();
    return scan;
  }

  /** A folder's current scan; a failure if this process may not read it. */
  #scanIfThere(folder: Folder): FolderScan | ExtractorFailure | undefined {
    try {
      return this.#scan(folder);
    } catch (error) {
      if (error instanceof ExtractorFailure && error.code === "not-found") return undefined;
      if (isUnreadable(error)) return error;
      throw error;
    }
  }

  /** Drops the least recently used scans above the limit. */
  #forget(): void {
    let remembered = 0;
    for (const scan of this.#scans.values()) remembered += scan.length;
    for (const [path, scan] of this.#scans) {
      if (remembered <= this.#maxRemembered || this.#scans.size === 1) return;
      this.#scans.delete(path);
      remembered -= scan.length;
    }
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
