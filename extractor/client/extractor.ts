/**
 * The client of JWebmail's extractor: a program that reads a user's maildir and answers a webmail, which
 * may not read it. The client starts it, or talks to it over any transport, in all three versions.
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
  checkOptions,
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
  isExtractorMethod,
} from "../messages/methods.ts";
import { decodeJson, encodeArguments } from "../messages/version1.ts";
import type { Transport } from "@dovewire/dovewire/transports";
import { transportConnector } from "./connection.ts";
import type { Reply } from "./pending_request.ts";
import { ProcessPool } from "./process_pool.ts";
import { ProcessStarter } from "./process_starter.ts";
import type {
  ByteRange,
  FolderCount,
  ListQuery,
  NewMail,
  PartContent,
  SearchQuery,
} from "./request_types.ts";
import { RequestQueue } from "./request_queue.ts";
import type {
  ExtractorCallOptions,
  ExtractorProcessOptions,
  ExtractorTransportOptions,
} from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import { given, headOf, type Mail, type MailHead, mailOf, partOf, timestampOf } from "./values.ts";

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
export type {
  ByteRange,
  FolderCount,
  ListQuery,
  NewMail,
  PartContent,
  SearchQuery,
  SortBy,
  SortKey,
} from "./request_types.ts";
export type { Mail, MailAddress, MailHead, MailPart } from "./values.ts";

/** How many bytes {@linkcode Extractor.rawPieces} asks for at once. */
const defaultPieceSize = 4 * 1024 * 1024;

/**
 * An extractor.
 *
 * Every method returns plain objects, with sizes as numbers and points in time as `Date`s, and rejects
 * with
 *
 * - `ExtractorFailure`: the extractor says that the request failed, with a `code`;
 * - `AuthenticationError`: the password was refused (exit code 1 before any answer);
 * - `ExtractorEndError`: the process ended without an answer, or its output makes no sense. `exit` is how
 *   it ended; the message says what that means and quotes the end of its stderr;
 * - `RemoteProtocolError`: the answer is invalid, or over a limit;
 * - `ConnectError`: the process can't be started, or the transport can't be opened;
 * - `ConnectionLostError`: the transport ended without an answer, or this side closed it;
 * - `TimeoutError`, `AbortError`, and `LocalProtocolError` for an invalid argument.
 *
 * Each of them has a `sent` flag: whether the request may have run.
 *
 * In version 3 requests go to one process, or over one transport, which the first of them starts. They
 * are sent without waiting for answers, at most `maxInFlight` at once, and run in the order of the calls.
 * When the process ends, requests that had begun to leave are rejected and never sent again; the others
 * go to a new process, unless the one that ended had answered nothing at all: then they are rejected,
 * too. The next call starts a new process in any case. An idle process is kept, and keeps a program
 * alive, until {@linkcode close}.
 *
 * In versions 1 and 2 each request has a process of its own, at most `maxInFlight` at once, so that
 * requests which don't wait for each other run in no order.
 *
 * **Time-outs.** A request's time runs from its call. One that isn't sent by then never is. For one that
 * was sent, versions 1 and 2 end its process. Version 3 ignores its answer, which does not affect other
 * requests, unless the process hangs: it has sent nothing since that request was called, although it was
 * there for at least half of that time, and no earlier request that somebody waits for has time left.
 * Then the process is ended (SIGTERM, and SIGKILL two and a half seconds later), and what was sent to it
 * is rejected with a `ConnectionLostError` that says so. A request whose signal aborts is treated the same
 * way, but doesn't itself show that the process hangs. A process that has closed its stdin or stdout is
 * ended two seconds later, whatever the time-outs are.
 */
export class Extractor implements AsyncDisposable {
  #queue: RequestQueue;
  #version: 1 | 2 | 3;
  /** The open transport that it was given, to be closed even if it was never used. */
  #transport: Transport | undefined;

  /** Use {@linkcode openExtractor}. */
  constructor(options: ExtractorProcessOptions | ExtractorTransportOptions) {
    checkOptions(options);
    if ("transport" in options) {
      this.#version = 3;
      const open = transportConnector(options);
      this.#queue = new RequestQueue(
        options,
        (queue) => new Pipeline(queue, open, options.limits),
      );
      if (typeof options.transport !== "function") this.#own(options.transport);
      return;
    }
    const { version = 3, limits } = options;
    const starter = new ProcessStarter(options);
    this.#version = version;
    this.#queue = new RequestQueue(
      options,
      (queue) =>
        version === 3
          ? new Pipeline(queue, (signal) => starter.start(signal), limits)
          : new ProcessPool(queue, starter, { version, limits }),
    );
  }

  /** Does nothing; resolves if the extractor is there and the password is right. */
  async auth(options?: ExtractorCallOptions): Promise<void> {
    await this.call("auth", {}, options);
  }

  /** A page of a folder's mails, in an order. */
  async list(query: ListQuery = {}, options?: ExtractorCallOptions): Promise<MailHead[]> {
    const { start = 0, end = Math.min(start + 50, 0xffff_ffff), sortBy = "date", folder } = query;
    const { mails } = await this.call("list", { start, end, sortBy, folder }, options);
    return mails.map(headOf);
  }

  /** How many mails a folder has; the inbox if it is left out. */
  async count(folder = "", options?: ExtractorCallOptions): Promise<FolderCount> {
    const { count, size, unseen } = await this.call("count", { folder }, options);
    return { count: Number(count), size: Number(size), unseen: Number(unseen) };
  }

  /**
   * A mail's head and its body, without its attachments' contents. `markSeen` marks it as read.
   */
  async readMail(
    mid: string,
    { markSeen = false }: { markSeen?: boolean } = {},
    options?: ExtractorCallOptions,
  ): Promise<Mail> {
    checkTexts({ mid });
    return mailOf(await this.call("read-mail", { mid, markSeen }, options));
  }

  /** The mails of a folder whose subject or text matches, the newest first. */
  async search(query: SearchQuery, options?: ExtractorCallOptions): Promise<MailHead[]> {
    const { pattern, folder } = query;
    checkTexts({ pattern });
    return (await this.call("search", { pattern, folder }, options)).mails.map(headOf);
  }

  /** The names of all folders but the inbox, sorted, with "." between levels: "Archive.2024". */
  async folders(options?: ExtractorCallOptions): Promise<string[]> {
    return (await this.call("folders", {}, options)).folders;
  }

  /** Moves a mail to another folder, "" for the inbox. */
  async move(mid: string, folder: string, options?: ExtractorCallOptions): Promise<void> {
    checkTexts({ mid, folder });
    await this.call("move", { mid, folder }, options);
  }

  /**
   * A mail, byte for byte, or a range of its bytes. For one that is larger than the limit on messages use
   * {@linkcode rawPieces}.
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
   * A mail of any size, byte for byte, in pieces of `pieceSize` bytes, 4 MiB if left out. Each piece is a
   * request of its own, with its own time-out, sent when it is wanted.
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
    checkTexts({ mid, path });
    const { part, data } = await this.call("part", { mid, path }, options);
    return { part: partOf(given(part, "part")), data };
  }

  /** Adds a mail to a folder, and returns its `mid`. */
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
    checkTexts({ mid });
    await this.call("remove", { mid }, options);
  }

  /**
   * Calls a method with the fields of its request, and returns the message of the answer unchanged: with
   * `bigint`s, protobuf's timestamps, and fields that this version doesn't know.
   */
  async call<Method extends ExtractorMethod>(
    method: Method,
    request: ExtractorRequestInit<Method>,
    options: ExtractorCallOptions = {},
  ): Promise<ExtractorResponses[Method]> {
    if (!isExtractorMethod(method)) {
      throw new LocalProtocolError(
        `There is no method "${
          String(method)
        }" here. Use send() for one that this version doesn't know.`,
      );
    }
    if (this.#version === 1) {
      const reply = await this.#queue.submit(
        { method, ...encodeArguments(method, request) },
        options,
      );
      const header = reply.message;
      const binary = reply.binary ?? new Uint8Array(0);
      return read(reply, () => decodeJson(method, { header, binary }));
    }
    const input = encodeRequest(method, request);
    const reply = await this.#queue.submit({ method, input }, options);
    return read(reply, () => decodeResponse(method, reply.message, { readUnknownFields: false }));
  }

  /**
   * Calls any method, with the bytes of a protobuf message, and returns those of the answer's. A `failure`
   * in it is thrown. Version 1 has no such messages: a `LocalProtocolError`.
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
    // It may have to wait, and the caller may change its bytes.
    const input = plainBytes(message).slice();
    const reply = await this.#queue.submit({ method, input }, options);
    return read(reply, () => {
      const failure = failureIn(reply.message);
      if (failure !== undefined) throw failure;
      return reply.message;
    });
  }

  /**
   * Accepts no more requests, waits for the answers to the others, ends the process's input and waits for
   * the process to end. After `closeTimeout`, requests are rejected with a `ConnectionLostError`, and the
   * process gets a SIGTERM and then a SIGKILL; one that this user can't end is left. Never rejects.
   */
  async close(): Promise<void> {
    await this.#queue.close();
    await this.#transport?.close().catch(() => {});
  }

  /** Closes the extractor, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Closes an open transport when nothing runs any more. */
  #own(transport: Transport): void {
    this.#transport = transport;
    const { ending } = this.#queue;
    const close = () => void transport.close().catch(() => {});
    if (ending.aborted) close();
    else ending.addEventListener("abort", close);
  }

  #rawResponse(
    mid: string,
    { offset, length }: Required<ByteRange>,
    options: ExtractorCallOptions | undefined,
  ): Promise<ExtractorResponses["raw"]> {
    checkTexts({ mid });
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
 * transport. The first request starts it.
 *
 * Throws a `LocalProtocolError` for invalid options, without a password in it.
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

/** The value of a reply; the error for its exit code, if that isn't 0 and the reply is no failure. */
function read<Value>(reply: Reply, decode: () => Value): Value {
  try {
    const value = decode();
    if (reply.exitError === undefined) return value;
  } catch (error) {
    if (error instanceof ExtractorFailure || reply.exitError === undefined) throw error;
  }
  throw reply.exitError;
}

/** Throws a `LocalProtocolError` for what is no string: a missing folder would be the inbox, a missing pattern match all. */
function checkTexts(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "string") continue;
    throw new LocalProtocolError(`"${name}" is no string. Give one.`);
  }
}

function byteCount(value: number, name: string): bigint {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new LocalProtocolError(`"${name}" is ${value}. Give a whole number from 0 on.`);
}
