/**
 * Answers an extractor's requests from a maildir.
 *
 * @module
 */

import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { checkOptions, LocalProtocolError } from "@dovewire/dovewire/core";
import { Maildir, type MailFile } from "../maildir/maildir.ts";
import { type HeadFields, parseHead } from "../maildir/mail/head.ts";
import { type MimePartInit, parseMail, type PartContent } from "../maildir/mail/mail.ts";
import { TextSearch } from "../maildir/mail/search.ts";
import { headerBudget } from "../maildir/compression/content.ts";
import { loadUnpacker, UnpackerNotLoaded } from "../maildir/compression/formats.ts";
import { isUnreadable, quotedName } from "../maildir/storage_failure.ts";
import { ExtractorFailure } from "../messages/failure.ts";
import type { ExtractorContext, ExtractorHandler } from "./handler.ts";

/** The limits of requests to a {@linkcode maildirHandler}. */
export interface MaildirHandlerOptions {
  /** The maximum number of mails that `list` returns; 1,000 if left out. */
  maxPage?: number;
  /** The maximum number of mails that `search` returns; 1,000 if left out. */
  maxResults?: number;
  /** The time limit of `search`, in milliseconds; 10 s if left out. */
  searchTimeout?: number;
  /** The maximum size of a mail that `read-mail` and `part` parse, in bytes; 128 MiB if left out. */
  maxMailSize?: number;
}

/** How long a search runs before it lets other work of the process run, in milliseconds. */
const turn = 20;

/** The size of an answer besides the bytes of a mail in it. */
const envelope = 64;

/** The limits with their defaults. */
type Limits = Readonly<Required<MaildirHandlerOptions>>;

/** Opens the maildir, or returns the open one. */
type Open = () => Maildir;

/**
 * Answers all of an extractor's requests from a maildir.
 *
 * `maildir` may be a function that opens it. The first method that needs it calls the function, and fails
 * with the error that it throws: if the maildir is missing, or is another user's, the extractor still runs
 * and answers "auth".
 *
 * Throws a `LocalProtocolError` for invalid limits, and for what is neither a maildir nor a function.
 */
export function maildirHandler(
  maildir: Maildir | (() => Maildir),
  options: MaildirHandlerOptions = {},
): ExtractorHandler {
  if (typeof maildir !== "function" && !(maildir instanceof Maildir)) {
    throw new LocalProtocolError(
      "There is no maildir. Pass a Maildir, or a function that opens it.",
    );
  }
  checkOptions(options);
  const limits: Limits = {
    maxPage: options.maxPage ?? 1000,
    maxResults: options.maxResults ?? 1000,
    searchTimeout: options.searchTimeout ?? 10_000,
    maxMailSize: options.maxMailSize ?? 128 * 1024 * 1024,
  };
  for (const [name, limit] of Object.entries(limits)) {
    if (typeof limit === "number" && limit > 0) continue;
    throw new LocalProtocolError(`"${name}" is ${String(limit)}. Give a number above 0.`);
  }
  let opened = typeof maildir === "function" ? undefined : maildir;
  const open: Open = () => opened ??= typeof maildir === "function" ? maildir() : maildir;
  return {
    auth: () => ({}),
    list: (request) => unpacking(() => list(open(), request, limits)),
    count: ({ folder }) =>
      unpacking(() => {
        const { count, size, unseen } = open().count(folder);
        return { count: BigInt(count), size: BigInt(size), unseen: BigInt(unseen) };
      }),
    "read-mail": (request) => unpacking(() => readMail(open(), request, limits)),
    search: (request, { signal }) => search(open(), request, { ...limits, signal }),
    folders: () => ({ folders: open().folders() }),
    move: ({ mid, folder }) =>
      unpacking(() => {
        const folders = open();
        folders.move(folders.find(mid), folder);
        return {};
      }),
    raw: (request, context) => unpacking(() => raw(open(), request, context)),
    part: (request) => unpacking(() => part(open(), request, limits)),
    add: ({ folder, data, seen, dateReceived }) => {
      const received = dateOf(dateReceived);
      return { mid: open().add({ folder, data, seen, received }).mid };
    },
    remove: ({ mid }) =>
      unpacking(() => {
        const folders = open();
        folders.remove(folders.find(mid));
        return {};
      }),
  };
}

/**
 * Calls a function with mails. If one is compressed and its unpacker isn't loaded, loads it and calls the
 * function again; it must not have changed anything by then.
 */
function unpacking<Result>(act: () => Result): Result | Promise<Result> {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof UnpackerNotLoaded)) throw error;
    return loadUnpacker(error.format).then(() => unpacking(act));
  }
}

interface ListRequest {
  readonly folder: string;
  readonly start: number;
  readonly end: number;
  readonly sortBy: string;
}

function list(
  maildir: Maildir,
  { folder, start, end, sortBy }: ListRequest,
  { maxPage }: Limits,
): { mails: MailHead[] } {
  // One more than allowed shows that there are too many; the folder may end earlier than asked.
  const last = end - start > maxPage ? start + maxPage + 1 : end;
  const page = maildir.list({ folder, start, end: last, sortBy });
  if (page.length > maxPage) {
    throw new ExtractorFailure(
      "limit",
      `The mails from ${start} to ${end} are more than ${maxPage}, which is the ` +
        "limit. Ask for one page after the other.",
    );
  }
  return { mails: headsOf(maildir, page) };
}

/** A mail's head, from its header and its file. */
type MailHead = HeadFields & ReturnType<typeof fileFields>;

/** The maximum number of mailboxes per field in a list of heads. */
const maxMailboxes = 1000;

/**
 * The heads of the mails that still exist. An unreadable one has only its file's data, so that it doesn't
 * fail the others.
 */
function headsOf(maildir: Maildir, mails: readonly MailFile[]): MailHead[] {
  const heads: MailHead[] = [];
  const budget = headerBudget(mails.length);
  for (const mail of mails) {
    const header = unlessGone(() => ifReadable(() => maildir.readHeader(mail, budget)) ?? nothing);
    if (header === undefined) continue;
    heads.push({ ...parseHead(header, { maxMailboxes }), ...fileFields(mail) });
  }
  return heads;
}

const nothing = new Uint8Array();

/** The data from a mail's file. */
function fileFields({ mid, size, seen, received, folder }: MailFile): {
  mid: string;
  size: bigint;
  seen: boolean;
  dateReceived: Timestamp | undefined;
  folder: string;
} {
  const year = received.getUTCFullYear();
  // Others can't be encoded, and an invalid date has none.
  const dateReceived = year >= 1 && year <= 9999 ? timestampFromDate(received) : undefined;
  return { mid, size: BigInt(size), seen, dateReceived, folder };
}

/** Calls a function; returns `undefined` if the mail was removed meanwhile. */
function unlessGone<Result>(act: () => Result): Result | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof ExtractorFailure && error.code === "not-found") return undefined;
    throw error;
  }
}

/** Calls a function; returns `undefined` if this process may not read the mail. */
function ifReadable<Result>(act: () => Result): Result | undefined {
  try {
    return act();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

function readMail(
  maildir: Maildir,
  { mid, markSeen }: { readonly mid: string; readonly markSeen: boolean },
  limits: Limits,
): { head: MailHead; body: MimePartInit } {
  const mail = maildir.find(mid);
  const { head, body } = parseMail(readWhole(maildir, mail, limits));
  return { head: { ...head, ...fileFields(markSeen ? marked(maildir, mail) : mail) }, body };
}

/** The mail marked as seen. If this process may not write there, the mail is read nevertheless. */
function marked(maildir: Maildir, mail: MailFile): MailFile {
  try {
    return maildir.markSeen(mail);
  } catch (error) {
    if (error instanceof ExtractorFailure && error.code === "storage") return mail;
    throw error;
  }
}

function part(
  maildir: Maildir,
  { mid, path }: { readonly mid: string; readonly path: string },
  limits: Limits,
): PartContent {
  const found = parseMail(readWhole(maildir, maildir.find(mid), limits)).part(path);
  if (found !== undefined) return found;
  throw new ExtractorFailure(
    "not-found",
    `The mail ${quotedName(mid)} has no part ${quotedName(path)}. Its parts are those that ` +
      '"read-mail" tells of, by their paths.',
  );
}

/** A mail's bytes, unless it is too large to be parsed. */
function readWhole(maildir: Maildir, mail: MailFile, { maxMailSize }: Limits): Uint8Array {
  // The size in a file's name may be wrong.
  const size = maildir.contentSize(mail);
  if (size > maxMailSize) {
    throw new ExtractorFailure(
      "limit",
      `The mail ${quotedName(mail.mid)} has ${size} bytes; the limit is ` +
        `${maxMailSize}. Ask for it with "raw", in pieces.`,
    );
  }
  return maildir.read(mail);
}

function raw(
  maildir: Maildir,
  request: { readonly mid: string; readonly offset: bigint; readonly length: bigint },
  { maxMessageSize }: ExtractorContext,
): { data: Uint8Array; size: bigint } {
  const mail = maildir.find(request.mid);
  const size = maildir.contentSize(mail);
  const offset = Math.min(Number(request.offset), size);
  const rest = size - offset;
  const length = request.length === 0n ? rest : Math.min(rest, Number(request.length));
  // Checked before reading.
  if (length > maxMessageSize - envelope) {
    throw new ExtractorFailure(
      "limit",
      `${length} bytes of the mail ${quotedName(request.mid)} don't fit into an answer. ` +
        `Ask for it in pieces, by offset and length, of at most ${
          maxMessageSize - envelope
        } bytes.`,
    );
  }
  return { data: maildir.read(mail, { offset, length }), size: BigInt(size) };
}

async function search(
  maildir: Maildir,
  { pattern, folder }: { readonly pattern: string; readonly folder: string },
  { maxResults, searchTimeout, signal }: Limits & { readonly signal: AbortSignal },
): Promise<{ mails: MailHead[] }> {
  const text = new TextSearch(pattern);
  const start = performance.now();
  const listed = unpacking(() => maildir.mails(folder));
  const mails = listed instanceof Promise ? await listed : listed;
  const found: MailFile[] = [];
  let turnEnd = start + turn;
  for (const [index, mail] of mails.entries()) {
    signal.throwIfAborted();
    const now = performance.now();
    if (now - start > searchTimeout) throw tooLong(searchTimeout, { index, of: mails.length });
    if (now > turnEnd) {
      await new Promise((resolve) => setTimeout(resolve));
      turnEnd = performance.now() + turn;
    }
    const read = unpacking(() =>
      unlessGone(() => ifReadable(() => maildir.readStart(mail, searched)))
    );
    const bytes = read instanceof Promise ? await read : read;
    if (bytes === undefined || !await text.matches(bytes)) continue;
    found.push(mail);
    if (found.length > maxResults) {
      throw new ExtractorFailure(
        "limit",
        `More than ${maxResults} mails match, which is the limit. Use a pattern ` +
          "that matches fewer.",
      );
    }
  }
  return { mails: await unpacking(() => headsOf(maildir, found)) };
}

/** How much of a mail is searched, in bytes. */
const searched = 32 * 1024 * 1024;

function tooLong(timeout: number, { index, of }: { index: number; of: number }): ExtractorFailure {
  return new ExtractorFailure(
    "limit",
    `The search took longer than ${timeout / 1000} s, in which ${index} of ${of} mails were ` +
      "searched. Search a smaller folder, or move mails to others.",
  );
}

/** A time as a date; throws a failure for an invalid one. */
function dateOf(timestamp: Timestamp | undefined): Date | undefined {
  if (timestamp === undefined) return undefined;
  const date = timestampDate(timestamp);
  if (!Number.isNaN(date.getTime())) return date;
  throw new ExtractorFailure(
    "invalid",
    `The mail's date, ${timestamp.seconds} s since 1970, is invalid. Leave it out, or give another.`,
  );
}
