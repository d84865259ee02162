/**
 * Reads and changes real maildirs, while others do.
 *
 * @module
 */

import { lstatSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { ExtractorFailure } from "../messages/failure.ts";
import { deliver, type NewMail, removeMail, renameMail } from "./delivery.ts";
import { isMarkedSeen, markedSeen, nameInCur, sizeInName, uniqueName } from "./file_name.ts";
import { folderNames, isInbox } from "./folder_names.ts";
import { type Folder, FolderScan, type FolderTotals } from "./folder_scan.ts";
import { withKeywordsOf } from "./keywords.ts";
import {
  type ByteRange,
  fileIdentity,
  fileInfo,
  type MailFile,
  readFile,
  readHeaderInPlace,
} from "./mail_file.ts";
import { type MailOrder, parseOrder, sortedIndexes } from "./mail_order.ts";
import { tellQuota } from "./quota_file.ts";
import { folderTitle, isUnreadable, noFolder, noMail, storageFailure } from "./storage_failure.ts";

/** The names of these files' other parts that a maildir's user meets. */
export type { ByteRange, FolderTotals, MailFile, NewMail };

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
}

/** How often a mail is looked for again that others rename at that very time. */
const attempts = 5;

/**
 * A maildir with its folders (Maildir++).
 *
 * Names of folders and mails that a caller gives are compared with those that there are and never
 * become part of a path, so that nothing outside is within reach; neither are symbolic links.
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
  readonly #path: string;
  readonly #maxRemembered: number;
  #folders: ReadonlyMap<string, Folder> = new Map();
  /** What is known of folders, the one that was asked for last at the end. */
  readonly #scans = new Map<string, FolderScan>();
  /** The directory of the folder that was listed last. */
  #listed = "";

  private constructor(path: string, maxRemembered: number) {
    this.#path = path;
    this.#maxRemembered = maxRemembered;
  }

  /** Opens a maildir by its path; throws an `ExtractorFailure` if there is none. */
  static open(path: string, { maxRemembered = 300_000 }: MaildirOptions = {}): Maildir {
    if (path === "" || path.includes("\0")) {
      throw new ExtractorFailure("invalid", `${JSON.stringify(path)} is no path of a maildir.`);
    }
    try {
      // A link to one would be another's, as it is with folders.
      if (lstatSync(join(path, "cur")).isDirectory()) return new Maildir(path, maxRemembered);
    } catch (error) {
      throw storageFailure(`open the maildir ${path}`, error);
    }
    throw new ExtractorFailure(
      "storage",
      `Cannot open the maildir ${path}: "cur" is no directory.`,
    );
  }

  /** The names of all folders but the inbox, in order, levels parted by ".". */
  folders(): string[] {
    this.#folders = this.#readFolders();
    return [...this.#folders.keys()].filter((name) => name !== "");
  }

  /** How many mails a folder has, their size as far as the files' names tell, and how many are new. */
  count(folder: string): FolderTotals {
    return this.#scan(this.#folder(folder)).totals();
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
    return this.#page(this.#folder(folder), { order, start, end });
  }

  /** All mails of a folder, the one that was delivered last first. */
  mails(folder: string): MailFile[] {
    const order: MailOrder = { by: "date", isReversed: true };
    return this.#page(this.#folder(folder), { order, start: 0, end: Infinity });
  }

  #page(
    folder: Folder,
    { order, start, end }: { order: MailOrder; start: number; end: number },
  ): MailFile[] {
    let scan = this.#scan(folder);
    this.#listed = folder.path;
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
    return Array.from(page, (index) => scan.mail(index));
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
      for (const folder of this.#readFolders().values()) {
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
    return this.#whereverItIs(mail, ({ path }) => readFile(path, range));
  }

  /** A mail's header, up to the empty line behind it; of a huge one the first 256 KiB. */
  readHeader(mail: MailFile): Uint8Array {
    return this.#whereverItIs(mail, ({ path }) => readHeaderInPlace(path)?.slice());
  }

  /** Gives a mail the flag S; out of `new` it goes to `cur`. */
  markSeen(mail: MailFile): MailFile {
    return this.#whereverItIs(mail, (mail) => {
      if (mail.seen) return fileInfo(mail.path) && mail;
      const path = join(directoryOf(mail), "cur", markedSeen(basename(mail.path)));
      return renameMail(mail.path, path) ? { ...mail, seen: true, path } : undefined;
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
    const target = this.#folder(folder);
    return this.#whereverItIs(mail, (mail) => {
      if (mail.folder === target.name) return fileInfo(mail.path) && mail;
      const double = this.#double(target, mail);
      if (double !== undefined) return double;
      const from = { name: mail.folder, path: directoryOf(mail) };
      const name = withKeywordsOf(nameInCur(basename(mail.path)), from, target);
      const path = join(target.path, "cur", name);
      if (!renameMail(mail.path, path)) return undefined;
      const [mid, seen] = [uniqueName(name), isMarkedSeen(name)];
      return { ...mail, mid, folder: target.name, seen, path };
    });
  }

  /**
   * The mail that has a mail's unique name in the folder that it is to be moved to. Throws if it is
   * another one: with other flags it wouldn't be overwritten, but nobody could tell the two apart.
   */
  #double(target: Folder, mail: MailFile): MailFile | undefined {
    // What it was some time ago will do: who moved a mail there since gave it a unique name as well.
    const scan = this.#scans.get(target.path) ?? this.#scan(target);
    const double = scan.find(mail.mid);
    if (double === undefined) return undefined;
    const [here, there] = [fileIdentity(mail.path), fileIdentity(double.path)];
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
    const mail = deliver(this.#folder(folder), { data, seen, received });
    tellQuota(this.#path, { size: mail.size, count: 1 });
    return mail;
  }

  /** Removes a mail for good. */
  remove(mail: MailFile): void {
    this.#whereverItIs(mail, ({ path, size }) => {
      if (!removeMail(path)) return undefined;
      tellQuota(this.#path, { size: -(sizeInName(basename(path)) ?? size), count: -1 });
      return true;
    });
  }

  /** Does something with a mail, and once more where it is now if its file had been renamed. */
  #whereverItIs<Result>(mail: MailFile, act: (mail: MailFile) => Result | undefined): Result {
    let current = mail;
    for (let attempt = 1;; attempt++) {
      const result = act(current);
      if (result !== undefined) return result;
      if (attempt === attempts) throw noMail(mail.mid);
      current = this.find(mail.mid);
    }
  }

  #folder(name: string): Folder {
    if (isInbox(name)) return { name: "", path: this.#path };
    const known = this.#folders.get(name);
    if (known !== undefined && isFolder(known.path)) return known;
    this.#folders = this.#readFolders();
    const folder = this.#folders.get(name);
    if (folder === undefined) throw noFolder(name);
    return folder;
  }

  #readFolders(): Map<string, Folder> {
    const folders = new Map([["", { name: "", path: this.#path }]]);
    try {
      for (const [directory, name] of folderNames(readdirSync(this.#path))) {
        const path = join(this.#path, directory);
        if (isFolder(path)) folders.set(name, { name, path });
      }
    } catch (error) {
      throw storageFailure("read the folders", error);
    }
    return folders;
  }

  /** What a folder has now. */
  #scan(folder: Folder, isForced = false): FolderScan {
    const known = this.#scans.get(folder.path);
    this.#scans.delete(folder.path);
    const scan = !isForced && known?.isCurrent() ? known : FolderScan.read(folder);
    this.#scans.set(folder.path, scan);
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

/** The directory of the folder that a mail is in. */
function directoryOf(mail: MailFile): string {
  return join(mail.path, "../..");
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory() && lstatSync(join(path, "cur")).isDirectory();
  } catch {
    return false;
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
