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
import { LocalProtocolError } from "../core/mod.ts";

/** What a handler of a command sends before its result. */
export type CommandOutput =
  /** An untagged response; see {@linkcode untagged}. */
  | { readonly type: "untagged"; readonly parts: readonly ResponsePart[] }
  /** The continuation of a long-running command; see {@linkcode continuation}. */
  | { readonly type: "continuation"; readonly text: string };

/** What a handler learns while its command runs. */
export interface CommandContext {
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

/**
 * Answers a command: a function that returns the result, or an async generator that yields what comes before
 * and returns it.
 */
export type CommandHandler<Args> = (
  args: Args,
  session: ImapSession,
  context: CommandContext,
) => TaggedResult | Promise<TaggedResult> | AsyncGenerator<CommandOutput, TaggedResult, void>;

/** Options for {@linkcode defineCommand}: a {@linkcode CommandDefinition} whose arguments have a known shape. */
export type CommandOptions<Shape> = Omit<CommandDefinition, "args"> & { readonly args?: Shape };

/** A custom command, as {@linkcode defineCommand} returns it: give it to a server or a relay. */
export interface ImapCommand {
  /** Its name and its properties. */
  readonly definition: CommandDefinition;
  /** Answers it. */
  // The arguments have the shape of the definition, which this type can't tell.
  readonly handler: CommandHandler<never>;
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
  if (typeof handler !== "function") {
    throw new LocalProtocolError(
      `The handler of ${String(options?.name)} is no function. Give one that returns its result.`,
    );
  }
  return { definition: { ...options }, handler };
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
