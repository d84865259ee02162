/**
 * The client of JWebmail's extractor: a program that reads a user's maildir and answers a webmail that
 * may not. It is started, or spoken to over any transport, in each of its three versions.
 *
 * @example A user's mails, with the password checked by qmail-authuser
 * ```ts ignore
 * import { openExtractor } from "@dovewire/extractor";
 *
 * await using extractor = openExtractor({
 *   command: ["/var/qmail/bin/qmail-authuser", "/usr/bin/extractor"],
 *   maildir: "/var/mail/vhosts",
 *   systemUser: "vmail",
 *   mailUser: "joe@example.org",
 *   credentials: { user: "joe@example.org", password: "s3cret" },
 * });
 * const [folders, { unseen }, newest] = await Promise.all([
 *   extractor.folders(),
 *   extractor.count(),
 *   extractor.list({ end: 50, sortBy: "!date" }),
 * ]);
 * console.log(folders, unseen, newest.map(({ subject }) => subject));
 * const { body } = await extractor.readMail(newest[0].mid, { markSeen: true });
 * console.log(body.text ?? body.parts?.map(({ contentType }) => contentType));
 * ```
 *
 * @module
 */

import {
  encodeUtf8,
  LocalProtocolError,
  plainBytes,
  RemoteProtocolError,
} from "@dovewire/dovewire/core";
import { ExtractorFailure } from "../messages/failure.ts";
import {
  decodeResponse,
  encodeRequest,
  type ExtractorMethod,
  type ExtractorRequestInit,
  type ExtractorResponses,
  failureIn,
} from "../messages/methods.ts";
import { decodeJson, encodeArguments } from "../messages/version1.ts";
import type { Transport } from "@dovewire/dovewire/transports";
import type { Courier } from "./courier.ts";
import type { Reply } from "./errand.ts";
import { ProcessStarter, transportOpener } from "./line.ts";
import type {
  ExtractorCallOptions,
  ExtractorProcessOptions,
  ExtractorTransportOptions,
} from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import { SingleShots } from "./single_shots.ts";
import {
  given,
  headOf,
  type Mail,
  type MailHead,
  mailOf,
  type MailPart,
  partOf,
  timestampOf,
} from "./values.ts";

export {
  type Credentials,
  ExtractorEndError,
  type ExtractorEndErrorOptions,
  type ExtractorEndKind,
} from "@dovewire/dovewire/core/extractor";
export {
  AbortError,
  AuthenticationError,
  ConnectError,
  ConnectionLostError,
  DovewireError,
  type DovewireErrorOptions,
  type ExitStatus,
  LocalProtocolError,
  RemoteProtocolError,
  type RemoteProtocolErrorOptions,
  TimeoutError,
  type TimeoutPhase,
} from "@dovewire/dovewire/core";
export { ExtractorFailure, type FailureCode } from "../messages/failure.ts";
export type {
  ExtractorMethod,
  ExtractorRequestInit,
  ExtractorRequests,
  ExtractorResponses,
} from "../messages/methods.ts";
export type { ChildProcess, Spawn, SpawnOptions, Transport } from "@dovewire/dovewire/transports";
export type {
  ExtractorCallOptions,
  ExtractorLimits,
  ExtractorOptions,
  ExtractorProcessOptions,
  ExtractorTransportOptions,
} from "./options.ts";
export type { Mail, MailAddress, MailHead, MailPart } from "./values.ts";

/** By what mails are in order, from the least on: when they were delivered, the sender … */
export type SortKey = "date" | "sender" | "subject" | "size";

/** An order of mails; with "!" ahead of it the other way round: "!date" has the newest first. */
export type SortBy = SortKey | `!${SortKey}`;

/** Which mails of a folder. */
export interface ListQuery {
  /** The first one, from 0 on; 0 if left out. */
  start?: number;
  /** The one behind the last; 50 behind `start` if left out. */
  end?: number;
  /** In which order; "date" if left out. */
  sortBy?: SortBy;
  /** The folder; the inbox if left out. */
  folder?: string;
}

/** What a folder comes to. */
export interface FolderCount {
  /** How many mails. */
  readonly count: number;
  /** How large they are together, in bytes. */
  readonly size: number;
  /** How many of them haven't been read. */
  readonly unseen: number;
}

/** What to look for. */
export interface SearchQuery {
  /** A regular expression of RE2's syntax, for a part of a subject or a text; "(?i)" ignores case. */
  pattern: string;
  /** The folder; the inbox if left out. */
  folder?: string;
}

/** Which bytes of a mail. */
export interface ByteRange {
  /** The first one, from 0 on; 0 if left out. */
  offset?: number;
  /** How many at most; all that follow if left out. */
  length?: number;
}

/** A part of a mail and what is in it. */
export interface PartContent {
  /** The part, without `text`, `parts` and `mail`. */
  readonly part: MailPart;
  /** The content with its transfer encoding taken off, in the charset that it came in. */
  readonly data: Uint8Array;
}

/** A mail to keep. */
export interface NewMail {
  /** The mail, byte for byte; a string is taken as UTF-8. */
  data: Uint8Array | string;
  /** The folder; the inbox if left out. */
  folder?: string;
  /** Whether it counts as read; `false` if left out. */
  seen?: boolean;
  /** When it was delivered; now if left out. */
  dateReceived?: Date;
}

/** How many bytes {@linkcode Extractor.rawPieces} asks for at once. */
const defaultPieceSize = 4 * 1024 * 1024;

/**
 * An extractor.
 *
 * Every method gives plain objects, with sizes as numbers and points in time as `Date`s, and rejects
 * with
 *
 * - `ExtractorFailure` where the extractor says that the request came to nothing, with a `code`;
 * - `AuthenticationError` where the password was refused (exit code 1 ahead of any answer);
 * - `ExtractorEndError` where the process ended without an answer, with how it ended in `exit`, what
 *   that means in the message, and the end of its stderr; or where its output makes no sense;
 * - `RemoteProtocolError` for an answer that is none, or over a limit;
 * - `ConnectError` where the process can't be started, or the transport can't be opened;
 * - `ConnectionLostError` where the transport ended without an answer, or this side gave up on it;
 * - `TimeoutError` and `AbortError`, and `LocalProtocolError` for an argument that can't be.
 *
 * Each of them says by `sent` whether the request may have been carried out.
 *
 * In version 3 requests go to one process, or over one transport, which is started by the first of
 * them. They are sent at once, `maxInFlight` ahead of the answers, and are carried out and answered in
 * the order of the calls. When the process ends, requests that had begun to leave are answered with an
 * error and never sent again; the others go to a new process, unless the one that ended had answered
 * nothing at all: then they get the error too. The next call starts a new process in any case. A process
 * that idles is kept, and keeps a program alive, until {@linkcode close}.
 *
 * In versions 1 and 2 each request has a process of its own, `maxInFlight` of them at once, so that
 * requests that don't wait for each other come in no order.
 *
 * **Time-outs.** A request's time runs from its call. One that isn't sent by then never is. One that was
 * sent is given up; in versions 1 and 2 that ends its process. In version 3 the answer is thrown away
 * when it comes, and other requests don't notice, unless the process hangs. That is: a request's time is
 * over, not one byte came from the process since that request was called, which was there for half of
 * that time at least, and no request ahead of it that somebody waits for has time left. Then the process
 * is ended (SIGTERM, and SIGKILL two and a half seconds later), and what was sent to it gets a
 * `ConnectionLostError` that tells so. A request that its signal gives up is treated likewise, but
 * doesn't itself show that the process hangs. A process that has closed its stdin or its stdout is ended
 * two seconds later, whatever the time-outs are.
 */
export class Extractor implements AsyncDisposable {
  #courier: Courier;
  #version: 1 | 2 | 3;
  /** The open transport that it was given, which it has to close even if it never used it. */
  #transport: Transport | undefined;

  /** Use {@linkcode openExtractor}. */
  constructor(options: ExtractorProcessOptions | ExtractorTransportOptions) {
    if ("transport" in options) {
      this.#version = 3;
      this.#courier = new Pipeline(transportOpener(options), options);
      if (typeof options.transport !== "function") this.#own(options.transport);
      return;
    }
    const { version = 3 } = options;
    const starter = new ProcessStarter(options);
    this.#version = version;
    this.#courier = version === 3
      ? new Pipeline((signal) => starter.start(signal), options)
      : new SingleShots(starter, version, options);
  }

  /** Does nothing; that it resolves says that the extractor is there, and the password right. */
  async auth(options?: ExtractorCallOptions): Promise<void> {
    await this.call("auth", {}, options);
  }

  /** A page of a folder's mails, in an order. */
  async list(query: ListQuery = {}, options?: ExtractorCallOptions): Promise<MailHead[]> {
    const { start = 0, end = Math.min(start + 50, 0xffff_ffff), sortBy = "date", folder } = query;
    const { mails } = await this.call("list", { start, end, sortBy, folder }, options);
    return mails.map(headOf);
  }

  /** What a folder comes to; the inbox if it is left out. */
  async count(folder = "", options?: ExtractorCallOptions): Promise<FolderCount> {
    const { count, size, unseen } = await this.call("count", { folder }, options);
    return { count: Number(count), size: Number(size), unseen: Number(unseen) };
  }

  /**
   * A mail's head and its body, without its attachments' contents. With `markSeen` it counts as read
   * from here on.
   */
  async readMail(
    mid: string,
    { markSeen = false }: { markSeen?: boolean } = {},
    options?: ExtractorCallOptions,
  ): Promise<Mail> {
    return mailOf(await this.call("read-mail", { mid, markSeen }, options));
  }

  /** The mails of a folder whose subject or text matches, those that were delivered last first. */
  async search(query: SearchQuery, options?: ExtractorCallOptions): Promise<MailHead[]> {
    const { pattern, folder } = query;
    return (await this.call("search", { pattern, folder }, options)).mails.map(headOf);
  }

  /** The names of all folders but the inbox, in order, with levels parted by ".": "Archive.2024". */
  async folders(options?: ExtractorCallOptions): Promise<string[]> {
    return (await this.call("folders", {}, options)).folders;
  }

  /** Moves a mail to another folder, "" for the inbox. */
  async move(mid: string, folder: string, options?: ExtractorCallOptions): Promise<void> {
    await this.call("move", { mid, folder }, options);
  }

  /**
   * A mail as it is, byte for byte, or some of its bytes. One that is over the limit on messages comes
   * by {@linkcode rawPieces}.
   */
  async raw(
    mid: string,
    { offset = 0, length }: ByteRange = {},
    options?: ExtractorCallOptions,
  ): Promise<Uint8Array> {
    // 0 bytes stand for all of them.
    if (length === 0) return new Uint8Array(0);
    return (await this.#rawResponse(mid, { offset, length: length ?? 0 }, options)).data;
  }

  /**
   * A mail as it is, in pieces of `pieceSize` bytes, 4 MiB if left out, each of them asked for when it
   * is wanted: for mails of any size. The time-out is that of a piece.
   */
  async *rawPieces(
    mid: string,
    { pieceSize = defaultPieceSize }: { pieceSize?: number } = {},
    options?: ExtractorCallOptions,
  ): AsyncGenerator<Uint8Array, void, void> {
    if (!(pieceSize >= 1)) {
      throw new LocalProtocolError(`"pieceSize" is ${pieceSize}. Give a number from 1 on.`);
    }
    const length = Math.floor(pieceSize);
    for (let offset = 0;;) {
      const { data, size } = await this.#rawResponse(mid, { offset, length }, options);
      if (data.length === 0 && offset < size) {
        throw new RemoteProtocolError(
          `The extractor gave ${offset} bytes of the mail "${mid}", which has ${size}, and then none.`,
          { sent: true },
        );
      }
      offset += data.length;
      if (data.length > 0) yield data;
      if (offset >= size) return;
    }
  }

  /** A part of a mail, such as an attachment, by its `path`. */
  async part(mid: string, path: string, options?: ExtractorCallOptions): Promise<PartContent> {
    const { part, data } = await this.call("part", { mid, path }, options);
    return { part: partOf(given(part, "part")), data };
  }

  /** Puts a mail into a folder, and gives its `mid`. */
  async add(mail: NewMail, options?: ExtractorCallOptions): Promise<string> {
    const { data, folder, seen, dateReceived } = mail;
    const request = {
      folder,
      data: typeof data === "string" ? encodeUtf8(data) : data,
      seen,
      dateReceived: timestampOf(dateReceived, "dateReceived"),
    };
    return (await this.call("add", request, options)).mid;
  }

  /** Removes a mail for good. */
  async remove(mid: string, options?: ExtractorCallOptions): Promise<void> {
    await this.call("remove", { mid }, options);
  }

  /**
   * Calls a method with the fields of its request, and gives the message that answers it as it is: with
   * `bigint`s, timestamps of protobuf's, and fields that this version doesn't know.
   */
  async call<Method extends ExtractorMethod>(
    method: Method,
    request: ExtractorRequestInit<Method>,
    options: ExtractorCallOptions = {},
  ): Promise<ExtractorResponses[Method]> {
    if (this.#version === 1) {
      const reply = await this.#courier.carry(
        { method, ...encodeArguments(method, request) },
        options,
      );
      const header = reply.message;
      const binary = reply.binary ?? new Uint8Array(0);
      return read(reply, () => decodeJson(method, { header, binary }));
    }
    const input = encodeRequest(method, request);
    const reply = await this.#courier.carry({ method, input }, options);
    return read(reply, () => decodeResponse(method, reply.message));
  }

  /**
   * Calls a method that needn't be known here, with a message of protobuf's in bytes, and gives the
   * message that answers it. A `failure` in it is thrown. Version 1 has no such messages: a
   * `LocalProtocolError`.
   */
  async send(
    method: string,
    message: Uint8Array,
    options: ExtractorCallOptions = {},
  ): Promise<Uint8Array> {
    if (this.#version === 1) {
      throw new LocalProtocolError(
        `Cannot send "${method}" as bytes: version 1 has no messages. Use "call", or version 2 or 3.`,
      );
    }
    // It may have to wait, and the caller may have other plans with its bytes.
    const input = plainBytes(message).slice();
    const reply = await this.#courier.carry({ method, input }, options);
    return read(reply, () => {
      const failure = failureIn(reply.message);
      if (failure !== undefined) throw failure;
      return reply.message;
    });
  }

  /**
   * Takes no more requests, lets those that were called be answered, ends the process's input and waits
   * until it has ended. What takes longer than `closeTimeout` gets a `ConnectionLostError`, and a
   * process that is left a SIGTERM, and then a SIGKILL; one that this user can't end is left. It never
   * rejects.
   */
  async close(): Promise<void> {
    await this.#courier.close();
    await this.#transport?.close().catch(() => {});
  }

  /** Closes the extractor, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Sees that an open transport is closed when nothing goes on any more. */
  #own(transport: Transport): void {
    this.#transport = transport;
    const { ending } = this.#courier;
    const close = () => void transport.close().catch(() => {});
    if (ending.aborted) close();
    else ending.addEventListener("abort", close);
  }

  #rawResponse(
    mid: string,
    { offset, length }: Required<ByteRange>,
    options: ExtractorCallOptions | undefined,
  ): Promise<ExtractorResponses["raw"]> {
    const request = {
      mid,
      offset: byteCount(offset, "offset"),
      length: byteCount(length, "length"),
    };
    return this.call("raw", request, options);
  }
}

/**
 * A client of an extractor: of the program that a command starts, or of one at the other end of a
 * transport. Nothing is started before something is asked.
 *
 * Throws a `LocalProtocolError` for options that can't be, without a password in it.
 *
 * @example Over a transport
 * ```ts ignore
 * import { openExtractor } from "@dovewire/extractor";
 * import { connect } from "@dovewire/dovewire/transports/node";
 *
 * await using extractor = openExtractor({
 *   transport: ({ signal }) => connect({ transport: "unix", path: "/run/extractor" }, { signal }),
 * });
 * console.log(await extractor.count());
 * ```
 */
export function openExtractor(
  options: ExtractorProcessOptions | ExtractorTransportOptions,
): Extractor {
  return new Extractor(options);
}

/** What a reply says; the complaint about it, if it has one and says no failure itself. */
function read<Value>(reply: Reply, decode: () => Value): Value {
  try {
    const value = decode();
    if (reply.complaint === undefined) return value;
  } catch (error) {
    if (error instanceof ExtractorFailure || reply.complaint === undefined) throw error;
  }
  throw reply.complaint;
}

function byteCount(value: number, name: string): bigint {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new LocalProtocolError(`"${name}" is ${value}. Give a whole number from 0 on.`);
}
