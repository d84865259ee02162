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
import { checkOptions, DovewireError, LocalProtocolError } from "@dovewire/dovewire/core";
import {
  callListener,
  type DrivableProtocol,
  Driver,
  startTimer,
  timeLimit,
  type Transport,
} from "@dovewire/dovewire/transports";
import { type Answer, answer, argumentsCodec, messageCodec } from "./answer.ts";
import type { ExtractorHandler } from "./handler.ts";

/** Options for {@linkcode serveExtractor}. */
export interface ServeExtractorOptions {
  /**
   * The protocol version; 3 if left out. In versions 1 and 2 a session is one request, and its method is
   * passed separately.
   */
  version?: 1 | 2 | 3;
  /** Versions 1 and 2: the method. */
  method?: string;
  /** Version 1: the method's arguments; none if left out. */
  args?: readonly string[];
  /** Limits that differ from the defaults. */
  limits?: Partial<ExtractorServerLimits>;
  /**
   * Called with errors that aren't sent to the client: an error that a handler threw, invalid bytes, a
   * client that disconnected. Errors that it throws are ignored.
   */
  onError?: (error: unknown) => void;
  /**
   * How long to wait for the client's next request, in milliseconds; 0 or `Infinity`, the default, for no
   * limit. After that the session ends with exit code 3.
   */
  idleTimeout?: number;
  /** Ends the session with exit code 3 when it aborts, even during a request. */
  signal?: AbortSignal;
}

/** The high-water mark for answers waiting to be written, in bytes; above it the next request waits. */
const highWaterMark = 65_536;

/** How long a client has to close its side after the session, in milliseconds. */
const lingerTimeout = 1000;

/** A protocol's request and end, the same for all versions. */
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
 * Serves a client of an extractor until it has no more requests, and resolves to the exit code for the
 * process: 0 for success, 4 if the client broke the protocol, 3 if it disconnected, was idle for too long,
 * or the signal aborted. In versions 1 and 2 a failure sets it too: 4 for "invalid", 6 for "unsupported", 3
 * for others.
 *
 * Requests are answered one after the other; the next one waits until the answers before it are written,
 * except for some 64 KiB. The transport is closed at the end. Rejects only with a `LocalProtocolError` for
 * invalid options.
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
  checkOptions(options, { functions: ["onError"], objects: ["limits"] });
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
  /** "waiting" for a request; "answering" one; "ended": by this side, whatever the client does. */
  #state: "waiting" | "answering" | "ended" = "waiting";
  #timer = startTimer(Infinity, () => {});
  /** The error that broke the transport. */
  #break: { readonly error: unknown } | undefined;
  /** Bytes of answers passed to the protocol since the last time that all were written. */
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
        // No answer can be sent any more. A client that still asks would keep the process running.
        this.#stop(error);
      },
      lingerTimeout,
    });
  }

  async run(): Promise<number> {
    const { signal } = this.#options;
    const abort = () => this.#end(signal!.reason);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    this.#restartTimer();
    try {
      await this.#driver.run();
      // To the protocol, it is only an answer that can't be written.
      if (this.#break !== undefined) throw this.#break.error;
      if (this.#state === "ended") return extractorExitCodes.failure;
      return this.#protocol.exitCode ?? extractorExitCodes.ok;
    } catch (error) {
      if (this.#state !== "ended") this.#report(error);
      // A broken transport also ends the requests, which would be exit code 0.
      return this.#protocol.exitCode || extractorExitCodes.failure;
    } finally {
      this.#state = "ended";
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
    // Otherwise a client that sends requests and reads nothing would fill the memory.
    if (this.#unwritten <= highWaterMark) return;
    this.#unwritten = 0;
    return this.#driver.flush();
  }

  /** Restarts the time limit for the client's next bytes, if they are awaited. */
  #restartTimer(): void {
    this.#timer.stop();
    const { idleTimeout } = this.#options;
    if (this.#state !== "waiting") return;
    this.#timer = startTimer(idleTimeout, () => {
      const error = new DovewireError(
        `The session was ended: the client sent nothing for ${idleTimeout} ms.`,
      );
      this.#report(error);
      this.#end(error);
    });
  }

  #end(reason: unknown): void {
    this.#state = "ended";
    this.#stop(reason);
  }

  /** Ends the session, even during a request. */
  #stop(reason: unknown): void {
    this.#controller.abort(reason);
    this.#protocol.exit(extractorExitCodes.failure);
    void this.#driver.close();
  }

  #report(error: unknown): void {
    callListener(this.#options.onError, error);
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
  if (version !== 1 && version !== 2) {
    throw new LocalProtocolError(
      `"version" is ${String(version)}. Set it to the number 1, 2 or 3.`,
    );
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

/** Whether the client sends anything: in version 1 only "add" has input; the rest is in the arguments. */
function takesInput(version: 1 | 2 | 3, method: string | undefined): boolean {
  return version !== 1 || method === "add";
}
