/**
 * Reads and changes real maildirs, while others do.
 *
 * @module
 */

import { ExtractorFailure } from "../messages/failure.ts";
import { ContentReader, readHeaderInPlace } from "./compression/content.ts";
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

/** The names of these files' other parts that a maildir's user meets. */
export type { ByteRange, FolderTotals, MailFile, NewMail };
export { loadUnpackers };

/** Which mails of a folder, and in what order. */
export interface ListOptions {
  /** "" for the inbox. */
  readonly folder: string;
  /** The first one, from 0 on. */
  readonly start: number;
  /** The one behind the last; the folder's end where there are fewer. */
  readonly end: number;
  /**
   * "date" (when it was delivered), "sender", "subject" or "size", with "!" ahead of it the other way
   * round; "" for "date".
   */
  readonly sortBy: string;
}

/** Options of {@linkcode Maildir.open}. */
export interface MaildirOptions {
  /**
   * How many mails' names are remembered at most, to know of a folder that hasn't changed without
   * reading it again; 300,000 if left out, which takes some 60 MB. The folder that was asked for last
   * is remembered whatever it has.
   */
  readonly maxRemembered?: number;
  /**
   * How large a compressed mail may be that is unpacked, in bytes; 128 MiB if left out. A larger one is
   * the failure "limit".
   */
  readonly maxUnpackedSize?: number;
  /**
   * Whether the maildir's path may be a symbolic link itself; `true` if left out. Links on the way to it
   * are followed in any case, and links in it never are.
   */
  readonly followLink?: boolean;
}

/** How often a mail is looked for again that others rename at that very time. */
const attempts = 5;

/**
 * A maildir with its folders (Maildir++).
 *
 * Names of folders and mails that a caller gives are compared with those that there are and never
 * become part of a path, so that nothing outside is within reach; neither are symbolic links, even if
 * somebody puts one in a folder's place while it is read: on systems that have a path to an open
 * directory, such as Linux with /proc. On others that is checked before and after.
 *
 * Mails that Dovecot's plugins zlib or mail_compress have compressed are read as they were before:
 * as gz, bz2, zstd and lz4, and as xz, which only Dovecot 2.3 reads. What can't be unpacked is the failure
 * "storage", or "limit" if it is too large. What unpacks bz2, zstd and xz has to be loaded first: see
 * {@linkcode loadUnpackers}.
 *
 * A folder is read again only when it has changed. Other programs may deliver, mark, move and remove
 * mails at any time: a mail that isn't where it was is looked for again, in all folders.
 *
 * All methods are synchronous and throw an `ExtractorFailure`: "not-found" for a mail or a folder that
 * isn't there, "invalid" for a wrong argument, "storage" for what the file system refuses.
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
  /** What is known of folders by their directories, the one that was asked for last at the end. */
  readonly #scans = new Map<string, FolderScan>();
  /** The directory of the folder that was listed last. */
  #listed = "";

  private constructor(path: string, options: MaildirOptions) {
    const { maxRemembered = 300_000, maxUnpackedSize = defaultMaxUnpacked } = options;
    if (!(maxUnpackedSize > 0)) {
      throw new ExtractorFailure(
        "invalid",
        `"maxUnpackedSize" is ${maxUnpackedSize}. Give a number above 0.`,
      );
    }
    this.#root = new MaildirRoot(path, { follow: options.followLink ?? true });
    this.#folders = new MaildirFolders(this.#root);
    this.#maxRemembered = maxRemembered;
    this.#contents = new ContentReader(maxUnpackedSize);
  }

  /** Opens a maildir by its path; throws an `ExtractorFailure` if there is none. */
  static open(path: string, options: MaildirOptions = {}): Maildir {
    if (path === "" || path.includes("\0")) {
      throw new ExtractorFailure("invalid", `${JSON.stringify(path)} is no path of a maildir.`);
    }
    const maildir = new Maildir(path, options);
    let isMaildir: boolean;
    try {
      // A link to one would be another's, as it is with folders.
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
      `Cannot open the maildir ${path}: "cur" is no directory.`,
    );
  }

  /** The names of all folders but the inbox, in order, levels parted by ".". */
  folders(): string[] {
    return [...this.#folders.read().keys()].filter((name) => name !== "");
  }

  /** How many mails a folder has, their size as far as the files' names tell, and how many are new. */
  count(folder: string): FolderTotals {
    return this.#scan(this.#folders.get(folder)).totals();
  }

  /**
   * A page of a folder's mails. Mails that are alike in the order are in that of their delivery, so
   * that pages don't overlap.
   *
   * Where the folder has changed since it was last asked for: by date and size it takes a look at each
   * file's size and time, by sender or subject each mail's header is read besides. Only what the page
   * needs else is read.
   */
  list({ folder, start, end, sortBy }: ListOptions): MailFile[] {
    const order = parseOrder(sortBy);
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end) {
      throw new ExtractorFailure(
        "invalid",
        `There is no page from ${start} to ${end}: the start must not be behind the end, nor either ` +
          "below 0.",
      );
    }
    return this.#page(this.#folders.get(folder), { order, start, end });
  }

  /** All mails of a folder, the one that was delivered last first. */
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
    // What vanished meanwhile may have another name now.
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
   * A mail by its unique name, in whatever folder it is. Where somebody has copied it with its name, it
   * is the one in the folder that was listed last, if that has one.
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
      // Nobody has moved it from a folder still to be looked at to one that had been.
      if (looked.every((scan) => scan.isCurrent() && !scan.has(mid))) break;
    }
    throw unreadable ?? noMail(mid);
  }

  /** A mail's bytes, or some of them; fewer where it ends. */
  read(mail: MailFile, range?: ByteRange): Uint8Array {
    if (range !== undefined && !(isCount(range.offset) && isCount(range.length))) {
      throw new ExtractorFailure(
        "invalid",
        `There are no ${range.length} bytes from ${range.offset} on: give whole numbers, not below 0.`,
      );
    }
    return this.#whereverItIs(mail, (at) => this.#contents.read(at.directory, at.name, range));
  }

  /** A mail's first bytes, as many as are asked for or fewer, without unpacking more of it than that. */
  readStart(mail: MailFile, length: number): Uint8Array {
    if (!isCount(length)) {
      throw new ExtractorFailure("invalid", `There are no ${length} bytes: give a whole number.`);
    }
    return this.#whereverItIs(mail, (at) => {
      return this.#contents.readStart(at.directory, at.name, length);
    });
  }

  /**
   * How many bytes a mail really has, which {@linkcode Maildir.read} gives: not what its file's name
   * says, but what is in the file, without compression.
   */
  contentSize(mail: MailFile): number {
    return this.#whereverItIs(mail, (at) => this.#contents.size(at.directory, at.name));
  }

  /** A mail's header, up to the empty line behind it; of a huge one the first 256 KiB. */
  readHeader(mail: MailFile): Uint8Array {
    return this.#whereverItIs(mail, (at) => readHeaderInPlace(at.directory, at.name)?.slice());
  }

  /** Gives a mail the flag S; out of `new` it goes to `cur`. */
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
   * Moves a mail to another folder by renaming its file, with its flags and its unique name, and with
   * those of Dovecot's keywords that the folder knows too. It is in one of both at any time. In the
   * folder that it is in already it stays as it is. Nothing is ever overwritten: if the folder has
   * another mail of that unique name, it is a failure. Where it has the very same file under two names,
   * both stay.
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
   * The mail that has a mail's unique name in the folder that it is to be moved to. Throws if it is
   * another one: with other flags it wouldn't be overwritten, but nobody could tell the two apart.
   */
  #double(target: Folder, { mail, directory, name }: LocatedMail): MailFile | undefined {
    // What it was some time ago will do: who moved a mail there since gave it a unique name as well.
    const scan = this.#scans.get(target.directoryName) ?? this.#scan(target);
    const double = scan.find(mail.mid);
    if (double === undefined) return undefined;
    const here = fileIdentity(directory, name);
    const there = this.#folders.at(double, (at) => fileIdentity(at.directory, at.name));
    // Somebody moves it at this very time.
    if (here === undefined || there === undefined) return undefined;
    if (here === there) return double;
    const what = `move the mail ${JSON.stringify(mail.mid)}`;
    const where = folderTitle(target.name);
    throw new ExtractorFailure("storage", `Cannot ${what}: ${where} has another of that name.`);
  }

  /** Puts a mail into a folder, however much the quota allows, and counts it there. */
  add({ folder, data, seen, received }: NewMail & { readonly folder: string }): MailFile {
    if (received !== undefined && Number.isNaN(received.getTime())) {
      throw new ExtractorFailure("invalid", "The date of delivery is no date.");
    }
    const mail = deliver(this.#folders.get(folder), { data, seen, received });
    tellQuota(this.#root, { size: mail.size, count: 1 });
    return mail;
  }

  /** Removes a mail for good. */
  remove(mail: MailFile): void {
    this.#whereverItIs(mail, (at) => {
      if (!removeMail(at)) return undefined;
      tellQuota(this.#root, { size: -(sizeInName(at.name) ?? mail.size), count: -1 });
      return true;
    });
  }

  /** Does something with a mail, and once more where it is now if its file had been renamed. */
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

  /** What a folder has now. */
  #scan(folder: Folder, isForced = false): FolderScan {
    const known = this.#scans.get(folder.directoryName);
    this.#scans.delete(folder.directoryName);
    const scan = !isForced && known?.isCurrent() ? known : FolderScan.read(folder);
    this.#scans.set(folder.directoryName, scan);
    this.#forget();
    return scan;
  }

  /** What a folder has now; why it can't be read, if nobody lets this process. */
  #scanIfThere(folder: Folder): FolderScan | ExtractorFailure | undefined {
    try {
      return this.#scan(folder);
    } catch (error) {
      if (error instanceof ExtractorFailure && error.code === "not-found") return undefined;
      if (isUnreadable(error)) return error;
      throw error;
    }
  }

  /** Forgets what was asked for longest ago, where it is too much. */
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
