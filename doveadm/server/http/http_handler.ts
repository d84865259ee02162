/**
 * The server's end of Dovecot's HTTP API, as a function from requests to responses.
 *
 * @module
 */

import {
  AuthenticationError,
  DovewireError,
  LocalProtocolError,
  lowerFirst,
} from "../../../core/mod.ts";
import { checkFunction, shownValue } from "../../../core/option_checks.ts";
import { callListener } from "../../../transports/call_listener.ts";
import { Deadline, onAbort, startTimer } from "../../../transports/timers.ts";
import type { DoveadmHandler, DoveadmPeer } from "../handler.ts";
import type { Login } from "../login.ts";
import { AnswerOutput } from "./answer_output.ts";
import { Authorization } from "./authorization.ts";
import { BatchError, type BatchItem, readBatch } from "./batch.ts";
import { Bodies, BodyError } from "./body.ts";
import { answerItem, type RunContext } from "./command_run.ts";
import { OfferedCommands } from "./offered_commands.ts";
import { type HttpHandlerOptions, type HttpNumbers, httpNumbers } from "./options.ts";
import { appliedPreferences, type Preferences, readPreferences } from "./preferences.ts";
import {
  failureResponse,
  jsonResponse,
  listOf,
  mountsOf,
  optionsResponse,
  unauthorizedResponse,
} from "./responses.ts";
import { streamOf } from "./response_stream.ts";

/** Answers a request; what a runtime passes besides it goes to `addressOf`. */
export type HttpHandler<Context extends readonly unknown[] = readonly unknown[]> = (
  request: Request,
  ...context: Context
) => Promise<Response>;

/**
 * Creates the server's end of Dovecot's HTTP API: a function for `Deno.serve`, `Bun.serve`, a Worker's
 * `fetch` or a router; for `node:http` there is {@linkcode nodeListener}.
 *
 * `GET /doveadm/v1` lists the commands, and `POST` runs them with a handler, as `serve` does for doveadm's
 * own protocol: parameters become the arguments that socket clients send, and the values of the reply become
 * rows whose titles are in the catalogue. A batch runs in its order, and not before all of it was read. A
 * command for many users (`allUsers`, `userFile` or a mask) runs once for each of them; a mask needs a handler
 * that answers "user" with a list.
 *
 * With the header `Prefer`, a client asks for more than Dovecot's API has. Then each answer has a fourth
 * element, an object:
 *
 * - `doveadm-log`: `log`, the command's log lines, and for a failure its `code` and `detail`.
 * - `doveadm-rows`: a command that fails after it returned rows is answered with these, and `error`.
 * - `doveadm-base64`: values that may be raw bytes, and others that aren't UTF-8, are
 *   `{ "base64": "…" }` instead of strings. This adds no element.
 *
 * Throws a `LocalProtocolError` for invalid options.
 *
 * @example
 * ```ts
 * import { CommandFailure, httpHandler } from "@dovewire/dovewire/server";
 * import assert from "node:assert/strict";
 *
 * const api = httpHandler(({ name, user }) => {
 *   if (name !== "mailbox list") throw new CommandFailure("");
 *   if (user !== "alice") throw new CommandFailure("NOUSER");
 *   return ["INBOX", "Sent"];
 * }, { apiKey: "s3cret" });
 *
 * const response = await api(
 *   new Request("https://mail.example.org/doveadm/v1", {
 *     method: "POST",
 *     headers: { authorization: `X-Dovecot-API ${btoa("s3cret")}` },
 *     body: JSON.stringify([["mailboxList", { user: "alice" }, "a"]]),
 *   }),
 * );
 * const rows = [{ mailbox: "INBOX" }, { mailbox: "Sent" }];
 * assert.deepEqual(await response.json(), [["doveadmResponse", rows, "a"]]);
 * ```
 */
export function httpHandler<Context extends readonly unknown[] = readonly unknown[]>(
  handler: DoveadmHandler,
  options: HttpHandlerOptions<Context>,
): HttpHandler<Context> {
  checkFunction("The handler", handler);
  const server = new HttpServer(handler, options as HttpHandlerOptions<never>);
  return async (request, ...context) =>
    await server.answer(request, () => options.addressOf?.(request, ...context));
}

/** How many refusals are delayed at once. */
const mostDelayed = 1000;

/** An API and the requests that it answers. */
class HttpServer {
  readonly #handler: DoveadmHandler;
  readonly #options: HttpHandlerOptions<never>;
  readonly #numbers: HttpNumbers;
  readonly #offered: OfferedCommands;
  readonly #authorization: Authorization;
  readonly #bodies: Bodies;
  readonly #pages: Readonly<Record<string, Uint8Array>>;
  #requests = 0;
  #delayed = 0;

  constructor(handler: DoveadmHandler, options: HttpHandlerOptions<never>) {
    this.#handler = handler;
    this.#options = options;
    this.#numbers = httpNumbers(options);
    this.#offered = new OfferedCommands(options.version ?? "2.4", options.commands);
    this.#authorization = new Authorization(options, (error) => this.#report(error, "http"));
    this.#bodies = new Bodies(this.#numbers);
    const { version } = this.#offered;
    this.#pages = { "/": mountsOf(version), "/doveadm/v1": listOf(this.#offered) };
  }

  /** Answers a request of a client whose IP address a function returns; never rejects. */
  async answer(request: Request, addressOf: () => unknown): Promise<Response> {
    try {
      return await this.#answer(request, addressTextOf(addressOf()));
    } catch (error) {
      if (request.signal.aborted) return failureResponse(400, "Client disconnected");
      this.#report(error, "http");
      return failureResponse(500);
    }
  }

  /** Answers a request of a client with this IP address, "" if it is unknown. */
  async #answer(request: Request, address: string): Promise<Response> {
    const { method } = request;
    if (method === "OPTIONS") return optionsResponse();
    const { pathname } = new URL(request.url);
    const isKnown = Object.hasOwn(this.#pages, pathname) &&
      (method === "GET" || method === "POST" && pathname !== "/");
    if (!isKnown) return failureResponse(404);
    const login = await this.#login(request);
    if ("refusal" in login) return await this.#refuse(login.refusal, request, address);
    if (method === "GET") return jsonResponse(this.#pages[pathname]);
    // A browser sends along the password of a user who was asked for it once, also for another site's page.
    if (request.headers.get("sec-fetch-site") === "cross-site") return failureResponse(403);
    if (this.#requests >= this.#numbers.maxRequests) {
      return failureResponse(503, "Too many requests are being answered");
    }
    // The protocol's minor version, from which handlers know what a client understands.
    const minor = this.#offered.version === "2.3" ? 2 : 3;
    return await this.#run(request, { address: nameOf(address), username: login.username, minor });
  }

  /** Checks the credentials; doesn't wait for ever for the program's function, nor for a client that is gone. */
  async #login({ headers, signal }: Request): Promise<Login> {
    if (this.#options.authenticate === undefined) return await this.#authorization.check(headers);
    const { timeout } = this.#numbers;
    let stop = () => {};
    try {
      return await new Promise((resolve, reject) => {
        this.#authorization.check(headers).then(resolve, reject);
        const deadline = new Deadline({
          timeout,
          signals: [signal],
          errorOf: (aborted) =>
            new DovewireError(
              aborted === undefined
                ? `"authenticate" took longer than ${timeout} ms.`
                : "A client disconnected while it logged in.",
            ),
          onEnd: reject,
        });
        stop = () => deadline.stop();
      });
    } finally {
      stop();
    }
  }

  async #refuse(refusal: string, { signal }: Request, address: string): Promise<Response> {
    const client = nameOf(address);
    this.#report(new AuthenticationError(`${client} could not log in: ${refusal}.`), client);
    // Delays go by the names of TCP peers.
    const peer = `tcp ${address.includes(":") ? `[${address}]` : address}:0`;
    const delay = address === "" ? 0 : this.#numbers.refusalDelays.next(peer);
    if (delay > 0 && this.#delayed < mostDelayed) {
      this.#delayed++;
      await this.#waitFor(delay, signal);
      this.#delayed--;
    }
    return unauthorizedResponse(this.#authorization.challenges);
  }

  /** Resolves after a delay, or when the client is gone. */
  async #waitFor(delay: number, signal: AbortSignal): Promise<void> {
    let forget = () => {};
    await new Promise<void>((resolve) => {
      const timer = startTimer(delay, resolve);
      forget = onAbort(signal, () => {
        timer.stop();
        resolve();
      });
    });
    forget();
  }

  /** Reads a batch and runs it. */
  async #run(request: Request, client: DoveadmPeer): Promise<Response> {
    this.#requests++;
    let end = () => {
      this.#requests--;
    };
    try {
      const { bytes, release } = await this.#bodies.read(request);
      end = () => {
        this.#requests--;
        release();
      };
      const items = readBatch(bytes, this.#offered, this.#numbers.limits);
      const running = new RunningBatch(items, {
        ...{ request, client, handler: this.#handler, numbers: this.#numbers },
        isSpaced: this.#offered.version === "2.3",
        onError: (error) => this.#report(error, client.address),
        onEnd: end,
      });
      end = () => {};
      return await running.response();
    } catch (error) {
      if (error instanceof BatchError) return failureResponse(400, error.message);
      if (!(error instanceof BodyError)) throw error;
      const what = `A request of ${client.address} was refused: ${lowerFirst(error.message)}.`;
      this.#report(new DovewireError(what), client.address);
      return failureResponse(error.status, error.message);
    } finally {
      end();
    }
  }

  #report(error: unknown, client: string): void {
    callListener(this.#options.onError, error, client);
  }
}

/** What the caller's function has returned, as an IP address. */
function addressTextOf(address: unknown): string {
  if (address === undefined || typeof address === "string") return address ?? "";
  throw new LocalProtocolError(
    `"addressOf" returned ${shownValue(address)}. Return an IP address as a string, or undefined.`,
  );
}

/** A client's name, for messages. */
function nameOf(address: string): string {
  return address === "" ? "http" : `http ${address}`;
}

/** Options for a {@linkcode RunningBatch}. */
interface RunningBatchOptions {
  readonly request: Request;
  readonly client: DoveadmPeer;
  readonly handler: DoveadmHandler;
  readonly numbers: HttpNumbers;
  readonly isSpaced: boolean;
  readonly onError: (error: unknown) => void;
  /** Called once, when nothing of the batch runs or waits any more. */
  readonly onEnd: () => void;
}

/** Why a request is aborted whose client is gone. */
const disconnected = "its client has disconnected";

/** A batch whose commands run, one after the other. */
class RunningBatch {
  readonly #options: RunningBatchOptions;
  readonly #output: AnswerOutput;
  readonly #preferences: Preferences;
  readonly #controller = new AbortController();
  #forget = () => {};
  #isEnded = false;

  constructor(items: readonly BatchItem[], options: RunningBatchOptions) {
    this.#options = options;
    this.#output = new AnswerOutput(options.numbers.limits.held);
    const { headers, signal } = options.request;
    this.#preferences = readPreferences(headers);
    this.#forget = onAbort(signal, () => this.#abort(disconnected));
    void this.#run(items);
  }

  /** The response, which begins when the whole answer is there, or when it is long. */
  async response(): Promise<Response> {
    const headers = appliedPreferences(this.#preferences);
    let body;
    try {
      body = await this.#output.body();
    } catch {
      this.#end();
      return failureResponse(500);
    }
    if (body.type === "whole") {
      this.#end();
      return jsonResponse(body.bytes, headers);
    }
    const stream = streamOf(body.chunks, {
      stallTimeout: this.#options.numbers.stallTimeout,
      onEnd: () => this.#end(),
      onCancel: () => this.#abort(disconnected),
      onStall: (why) => this.#options.onError(this.#abort(why)),
    });
    return jsonResponse(stream, headers);
  }

  async #run(items: readonly BatchItem[]): Promise<void> {
    const { handler, client, numbers, isSpaced, onError } = this.#options;
    const output = this.#output;
    const context: RunContext = {
      ...{ handler, client, output, isSpaced, onError },
      preferences: this.#preferences,
      signal: this.#controller.signal,
      timeout: numbers.timeout,
      logLimit: numbers.limits.log,
    };
    try {
      await output.write("[");
      for (const [at, item] of items.entries()) {
        this.#controller.signal.throwIfAborted();
        if (at > 0) await output.write(",");
        await answerItem(item, context);
      }
      await output.write("]");
      output.end();
    } catch (error) {
      if (!this.#controller.signal.aborted) onError(error);
      output.fail(error);
    }
  }

  /** Aborts the running command, and runs no further one; returns the error that tells so. */
  #abort(why: string): DovewireError {
    const error = new DovewireError(`The request was aborted: ${why}.`);
    this.#controller.abort(error);
    this.#output.fail(error);
    this.#end();
    return error;
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#forget();
    this.#options.onEnd();
  }
}
