/**
 * Custom IMAP commands, as values.
 *
 * @module
 */

import type {
  ArgumentKind,
  ArgumentShape,
  CommandDefinition,
  ImapSession,
  ImapValue,
  ResponsePart,
  TaggedResult,
} from "../core/imap/mod.ts";
import { LocalProtocolError, type PlainData } from "../core/mod.ts";
import { checkOptions } from "../core/option_checks.ts";
import { timeLimit } from "../transports/timers.ts";

/** What a handler of a command sends before its result. */
export type CommandOutput =
  /** An untagged response; see {@linkcode untagged}. */
  | { readonly type: "untagged"; readonly parts: readonly ResponsePart[] }
  /** The continuation of a long-running command; see {@linkcode continuation}. */
  | { readonly type: "continuation"; readonly text: string };

/** A long-running command that waits without a handler; see {@linkcode sleep}. */
export interface Sleep {
  /** What kind of end it is. */
  readonly type: "sleep";
  /** What the handler is called with when it goes on. */
  readonly state: PlainData;
  /** After how many milliseconds it goes on by itself; `Infinity` for never. */
  readonly wakeAfter: number;
}

/** Options for {@linkcode sleep}. */
export interface SleepOptions {
  /**
   * After how many milliseconds the handler is called again if nothing wakes it before; 0 or `Infinity` for never, which
   * is the default. Where its connection is frozen it may be a 64th of that later, and a second at most.
   */
  readonly wakeAfter?: number;
}

/** What a handler learns while its command runs. */
export interface CommandContext {
  /** What the handler returned with {@linkcode sleep} when it was last called; `undefined` at the first time. */
  readonly state: PlainData;
  /**
   * Aborts when the command has to end: the client has sent DONE, or another line, or has gone; or the server
   * closes. After DONE, what the handler still sends and returns is its answer; otherwise nobody hears it any
   * more. Pass the signal to whatever the handler waits for. Its reason is an `AbortError`; a handler that
   * throws that reason has ended as it should, after DONE with OK.
   */
  readonly signal: AbortSignal;
  /** Resolves when `signal` aborts; never rejects. */
  readonly done: Promise<void>;
}

/** What a kind of arguments is read as. */
export type ArgumentOf<Kind> = Kind extends "astring" ? string
  : Kind extends "number" ? number
  : ImapValue;

/** What the arguments of a shape are read as; all values as they are where there is no shape. */
export type ArgumentsOf<Shape> = Shape extends ArgumentShape ? {
    -readonly [At in keyof Shape]: Shape[At] extends `${infer Kind extends ArgumentKind}*`
      ? readonly ArgumentOf<Kind>[]
      : Shape[At] extends `${infer Kind extends ArgumentKind}?` ? ArgumentOf<Kind> | undefined
      : ArgumentOf<Shape[At]>;
  }
  : readonly ImapValue[];

/** How a handler ends: with the command's result, or to be called again. */
export type HandlerEnd = TaggedResult | Sleep;

/**
 * Answers a command: a function that returns the result, or an async generator that yields what comes before
 * and returns it.
 */
export type CommandHandler<Args> = (
  args: Args,
  session: ImapSession,
  context: CommandContext,
) => HandlerEnd | Promise<HandlerEnd> | AsyncGenerator<CommandOutput, HandlerEnd, void>;

/**
 * Watches what a command is about: calls `wake` after each change, and returns a function that ends that. It is
 * called before the handler, so that no change is missed. Errors of either, and of promises that they return, go to the
 * server's `onError`.
 */
export type WatchCommand = (
  session: ImapSession,
  wake: () => void,
) => (() => void) | Promise<() => void>;

/** Options for {@linkcode defineCommand}: a {@linkcode CommandDefinition} whose arguments have a known shape. */
export type CommandOptions<Shape> = Omit<CommandDefinition, "args"> & {
  readonly args?: Shape;
  /** Wakes the command while it sleeps; see {@linkcode sleep}. Only DONE and time wake it if this is left out. */
  readonly watch?: WatchCommand;
};

/** A custom command, as {@linkcode defineCommand} returns it: give it to a server or a relay. */
export interface ImapCommand {
  /** Its name and its properties. */
  readonly definition: CommandDefinition;
  /** Answers it. */
  // The arguments have the shape of the definition, which this type can't tell.
  readonly handler: CommandHandler<never>;
  /** Wakes it while it sleeps. */
  readonly watch?: WatchCommand;
}

/**
 * Defines a command.
 *
 * A handler is started for each command of a client, and one at a time for each connection. It ends the command
 * by returning the result; if it throws, the client is answered `NO [SERVERBUG] Internal server failure.`, and
 * the error goes to the `onError` of its server. An async generator is asked for its next value only while the
 * client reads. When the command has ended otherwise, the generator's `return()` is called, so that its
 * `finally` runs.
 *
 * Throws a {@linkcode LocalProtocolError} for a handler that is no function; a server checks the rest.
 *
 * @example A command like IDLE
 * ```ts
 * import { continuation, defineCommand, imapString, ok, untagged } from "@dovewire/dovewire/imap";
 *
 * const xtime = defineCommand(
 *   { name: "XTIME", args: ["astring?"], isLongRunning: true, capability: "XTIME" },
 *   async function* ([zone = "UTC"], { user }, { done }) {
 *     const now = new Date().toLocaleTimeString("en", { timeZone: zone });
 *     yield untagged(`XTIME "${now}" `, imapString(user!));
 *     yield continuation("telling the time");
 *     await done;
 *     return ok("That was the time.");
 *   },
 * );
 * ```
 */
export function defineCommand<const Shape extends ArgumentShape | undefined = undefined>(
  options: CommandOptions<Shape>,
  handler: CommandHandler<ArgumentsOf<Shape>>,
): ImapCommand {
  if (typeof options !== "object" || options === null) {
    throw new LocalProtocolError(
      'A command needs a name. Give an object, as in { name: "XTIME" }.',
    );
  }
  if (typeof handler !== "function") {
    throw new LocalProtocolError(
      `The handler of ${String(options?.name)} is no function. Give one that returns its result.`,
    );
  }
  const { watch, ...definition } = options;
  if (watch !== undefined && typeof watch !== "function") {
    throw new LocalProtocolError(
      `"watch" of ${options.name} is no function. Give one that calls "wake".`,
    );
  }
  return watch === undefined ? { definition, handler } : { definition, handler, watch };
}

/**
 * Ends the handler of a long-running command, but not the command: as soon as `watch` of the command wakes it, or the
 * client has sent DONE, the handler is called again, with the same arguments and this state in its context. A call
 * of `wake` while the handler runs counts as well. A handler that was called with an aborted `signal` can't sleep any
 * more.
 *
 * While the command sleeps, nothing of its handler is in memory, and its connection through a relay can be frozen, or
 * move to another process: the handler is called there, if the command has a `watch`, since changes may have been
 * missed meanwhile. So the state is plain data; it is copied.
 *
 * @example A command that tells the number of something, and each change of it
 * ```ts
 * import { continuation, defineCommand, ok, sleep, untagged } from "@dovewire/dovewire/imap";
 *
 * const stock = { count: 3, onChange: new Set<() => void>() };
 *
 * const xstock = defineCommand(
 *   {
 *     name: "XSTOCK",
 *     args: [],
 *     isLongRunning: true,
 *     watch(_session, wake) {
 *       stock.onChange.add(wake);
 *       return () => stock.onChange.delete(wake);
 *     },
 *   },
 *   async function* (_args, _session, { signal, state: told }) {
 *     if (stock.count !== told) yield untagged(`XSTOCK ${stock.count}`);
 *     if (told === undefined) yield continuation();
 *     return signal.aborted ? ok("That was the stock.") : sleep(stock.count);
 *   },
 * );
 * ```
 */
export function sleep(state: PlainData = null, options: SleepOptions = {}): Sleep {
  checkOptions(options);
  const { wakeAfter = 0 } = options;
  return { type: "sleep", state, wakeAfter: timeLimit("wakeAfter", wakeAfter) };
}

/**
 * An untagged response: `untagged("XKEY CREATED ", pem)` sends `* XKEY CREATED {n}` and the bytes. Texts are
 * sent as they are, and can't contain a line end or a NUL; bytes are a literal. For what comes from elsewhere, a
 * name say, there is `imapString()`, which is sent in quotes or as a literal, whatever it contains.
 */
export function untagged(...parts: readonly ResponsePart[]): CommandOutput {
  return { type: "untagged", parts };
}

/** The continuation of a long-running command, `+ TEXT`: tells the client that its beginning is complete. */
export function continuation(text: string = "OK"): CommandOutput {
  return { type: "continuation", text };
}

/** Success, as in `ok("Done.")`; `code` is a response code without its brackets. */
export function ok(text: string, code?: string): TaggedResult {
  return result("OK", text, code);
}

/** Failure, as in `no("There is no such key.", "NONEXISTENT")`. */
export function no(text: string, code?: string): TaggedResult {
  return result("NO", text, code);
}

/** A command that the client should not have sent so, as in `bad("invalid fingerprint")`. */
export function bad(text: string, code?: string): TaggedResult {
  return result("BAD", text, code);
}

function result(status: TaggedResult["status"], text: string, code?: string): TaggedResult {
  return code === undefined ? { status, text } : { status, text, code };
}
