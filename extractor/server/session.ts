/**
 * One session of an extractor with its client, over any transport.
 *
 * @module
 */

import {
  defaultMaxMessageSize,
  extractorExitCodes,
  type ExtractorServerLimits,
  ExtractorServerProtocol,
  SingleShotServerProtocol,
} from "@dovewire/dovewire/core/extractor";
import { DovewireError, LocalProtocolError } from "@dovewire/dovewire/core";
import {
  type DrivableProtocol,
  Driver,
  startTimer,
  timeLimit,
  type Transport,
} from "@dovewire/dovewire/transports";
import { type Answer, answer, argumentsCodec, messageCodec } from "./answer.ts";
import type { ExtractorHandler } from "./handler.ts";

/** What {@linkcode serveExtractor} can be told. */
export interface ServeExtractorOptions {
  /**
   * Which version is spoken; 3 if left out. Of versions 1 and 2 the session is one request, whose
   * method has come another way.
   */
  version?: 1 | 2 | 3;
  /** Versions 1 and 2: the method. */
  method?: string;
  /** Version 1: the method's arguments; none if left out. */
  args?: readonly string[];
  /** Limits that differ from the defaults. */
  limits?: Partial<ExtractorServerLimits>;
  /**
   * Gets what went wrong that isn't told to the client: what a handler threw, bytes that are no
   * extractor's, a client that broke off. What it throws itself is nobody's.
   */
  onError?: (error: unknown) => void;
  /**
   * How long the client may send nothing while its next request is waited for, in milliseconds; 0 or
   * `Infinity` for no limit, which is the default. The session then ends with exit code 3.
   */
  idleTimeout?: number;
  /** Ends the session when it aborts, whatever is asked for, with exit code 3. */
  signal?: AbortSignal;
}

/** How much of answers may wait to be written before the next request does, in bytes. */
const highWaterMark = 65_536;

/** How long a client gets to close its side when the session is over, in milliseconds. */
const lingerTimeout = 1000;

/** A protocol's request and end, alike for all versions. */
type SessionEvent =
  | {
    readonly type: "request";
    readonly id: number;
    readonly method?: string;
    readonly message: Uint8Array;
  }
  | { readonly type: "end"; readonly exitCode: number };

/** What the protocols of all versions have in common. */
interface SessionProtocol extends DrivableProtocol<SessionEvent> {
  readonly exitCode: number | undefined;
  exit(code: number): void;
}

/** The protocol of a version, and how requests are answered in it. */
interface Version {
  readonly protocol: SessionProtocol;
  respond(id: number, answer: Answer): void;
}

/**
 * Serves a client of an extractor until it has nothing more to ask, and resolves to the code that the
 * process is to exit with: 0 where all went well, 4 where the client broke the protocol, 3 where it
 * broke off, was idle for too long, or the signal aborted. In versions 1 and 2 a failure shows in it,
 * too: 4 for "invalid", 6 for "unsupported", 3 for others.
 *
 * Requests are answered one after the other; the next one waits until the answers before it are
 * written, but for some 64 KiB. The transport is closed in the end. It rejects with a
 * `LocalProtocolError` for options that can't be, and for nothing else.
 *
 * @example
 * ```ts
 * import { ExtractorFailure, serveExtractor } from "@dovewire/extractor/server";
 * import { memoryPair } from "@dovewire/dovewire/transports/memory";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const [client, server] = memoryPair();
 * const session = serveExtractor(server, { folders: () => ({ folders: ["Sent", "Trash"] }) }, {
 *   version: 1,
 *   method: "folders",
 * });
 * assert.equal(decodeUtf8((await client.read())!), '["Sent","Trash"]\n');
 * await client.close();
 * assert.equal(await session, 0);
 * ```
 */
export async function serveExtractor(
  transport: Transport,
  handler: ExtractorHandler,
  options: ServeExtractorOptions = {},
): Promise<number> {
  const version = versionOf(options);
  const idleTimeout = timeLimit("idleTimeout", options.idleTimeout ?? 0);
  return await new Session(transport, version, { ...options, handler, idleTimeout }).run();
}

class Session {
  #protocol: SessionProtocol;
  #respondTo: Version["respond"];
  #driver: Driver<SessionEvent>;
  #options: ServeExtractorOptions & { handler: ExtractorHandler; idleTimeout: number };
  #controller = new AbortController();
  /** "waiting" for a request; "answering" one; "given-up": by this side, whatever the client does. */
  #state: "waiting" | "answering" | "given-up" = "waiting";
  #timer = startTimer(Infinity, () => {});
  /** What broke the transport. */
  #break: { readonly error: unknown } | undefined;
  /** How many bytes of answers were given to the protocol since all of them were written. */
  #unwritten = 0;

  constructor(
    transport: Transport,
    { protocol, respond }: Version,
    options: ServeExtractorOptions & { handler: ExtractorHandler; idleTimeout: number },
  ) {
    this.#protocol = protocol;
    this.#respondTo = respond;
    this.#options = options;
    const { version = 3, method } = options;
    this.#driver = new Driver<SessionEvent>(protocol, transport, {
      onEvent: (event) => event.type === "request" ? this.#answer(event) : undefined,
      writeOnly: !takesInput(version, method),
      onRead: () => this.#restartTimer(),
      onReadEnd: () => this.#timer.stop(),
      onBroken: (error) => {
        this.#break = { error };
        // Answers can't be given any more. A client that still asks would keep the process for nothing.
        this.#stop(error);
      },
      lingerTimeout,
    });
  }

  async run(): Promise<number> {
    const { signal } = this.#options;
    const abort = () => this.#giveUp(signal!.reason);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    this.#restartTimer();
    try {
      await this.#driver.run();
      // What can't be written is no more than that to the protocol.
      if (this.#break !== undefined) throw this.#break.error;
      if (this.#state === "given-up") return extractorExitCodes.failure;
      return this.#protocol.exitCode ?? extractorExitCodes.ok;
    } catch (error) {
      if (this.#state !== "given-up") this.#report(error);
      // A transport that broke is the end of the requests as well, which would be 0.
      return this.#protocol.exitCode || extractorExitCodes.failure;
    } finally {
      this.#state = "given-up";
      this.#timer.stop();
      signal?.removeEventListener("abort", abort);
      this.#controller.abort(new DovewireError("The session is over."));
    }
  }

  #answer(request: SessionEvent & { type: "request" }): void | Promise<void> {
    if (this.#state === "waiting") this.#state = "answering";
    this.#timer.stop();
    const { method = this.#options.method!, message } = request;
    const { handler, version = 3, args = [], limits } = this.#options;
    const answered = answer({ method, message }, {
      handler,
      codec: version === 1 ? argumentsCodec(args) : messageCodec,
      context: {
        signal: this.#controller.signal,
        maxMessageSize: limits?.maxMessageSize ?? defaultMaxMessageSize,
      },
      onError: (error) => this.#report(error),
    });
    return answered instanceof Promise
      ? answered.then((answered) => this.#respond(request.id, answered))
      : this.#respond(request.id, answered);
  }

  #respond(id: number, answered: Answer): void | Promise<void> {
    if (this.#state === "answering") this.#state = "waiting";
    this.#respondTo(id, answered);
    this.#restartTimer();
    const { message, binary } = answered;
    this.#unwritten += message.length + (binary?.length ?? 0);
    // Or a client that asks and asks, and reads nothing, would fill the memory.
    if (this.#unwritten <= highWaterMark) return;
    this.#unwritten = 0;
    return this.#driver.flush();
  }

  /** Restarts the time limit for the client to send something, if it is waited for. */
  #restartTimer(): void {
    this.#timer.stop();
    const { idleTimeout } = this.#options;
    if (this.#state !== "waiting") return;
    this.#timer = startTimer(idleTimeout, () => {
      const error = new DovewireError(
        `The session was ended: the client sent nothing for ${idleTimeout} ms.`,
      );
      this.#report(error);
      this.#giveUp(error);
    });
  }

  #giveUp(reason: unknown): void {
    this.#state = "given-up";
    this.#stop(reason);
  }

  /** Ends the session, whatever runs. */
  #stop(reason: unknown): void {
    this.#controller.abort(reason);
    this.#protocol.exit(extractorExitCodes.failure);
    void this.#driver.close();
  }

  #report(error: unknown): void {
    try {
      this.#options.onError?.(error);
    } catch (mistake) {
      // It is the program's, and no client's.
      queueMicrotask(() => {
        throw mistake;
      });
    }
  }
}

function versionOf({ version = 3, method, args, limits }: ServeExtractorOptions): Version {
  if (version === 3) {
    if (method !== undefined || args !== undefined) {
      throw new LocalProtocolError(
        'Version 3 has its methods in its requests. Leave out "method" and "args".',
      );
    }
    const protocol = new ExtractorServerProtocol({ limits });
    return { protocol, respond: (id, { message }) => protocol.respond(id, message) };
  }
  if (method === undefined || (version === 2 && args !== undefined)) {
    throw new LocalProtocolError(
      `Version ${version} has one request, for which "method" ` +
        (version === 1 ? 'and "args" are needed.' : 'alone is needed, and no "args".'),
    );
  }
  const { maxMessageSize = defaultMaxMessageSize } = limits ?? {};
  const protocol = new SingleShotServerProtocol({
    version,
    takesInput: takesInput(version, method),
    limits: { maxMessageSize },
  });
  return {
    protocol,
    respond(_id, { message, binary, exitCode }): void {
      protocol.respond(message, binary);
      protocol.exit(exitCode);
    },
  };
}

/** Whether the client sends anything: in version 1 only "add" has input, and all else came before. */
function takesInput(version: 1 | 2 | 3, method: string | undefined): boolean {
  return version !== 1 || method === "add";
}
