/**
 * The commands for both servers, and their answers.
 *
 * @module
 */

import { decodeUtf8 } from "../../../core/mod.ts";

/** A command for both servers. */
export interface Question {
  readonly name: string;
  readonly user?: string;
  readonly args: readonly string[];
  /** The command's input, for those that take any. */
  readonly input?: Uint8Array;
  /** The batch that has the command over HTTP, as JSON. */
  readonly batch?: string;
}

/** A server's answer, or that there was none. */
export interface Answer {
  /**
   * "+" for a success, "-" and the code for a failure, "lost" where the connection ended without a
   * reply.
   */
  readonly result: string;
  readonly fields: readonly Uint8Array[];
  /** The titles of the columns, over HTTP. */
  readonly titles?: string;
  /** The lines of the log channel, each with its level. */
  readonly log: readonly string[];
}

/** Sends a command to a server. */
export type Ask = (question: Question) => Promise<Answer>;

/** The fields as texts; invalid UTF-8 becomes U+FFFD. */
export function textsOf({ fields }: Answer): string[] {
  return fields.map(decodeUtf8);
}

/** A command as doveadm's command line would show it, for messages. */
export function commandLine({ name, user, args, input, batch }: Question): string {
  const words = args.map((arg) => /^[\w.,:/@%*+=-]+$/.test(arg) ? arg : JSON.stringify(arg));
  return [
    ...(user === undefined ? [] : [`[${user}]`]),
    name,
    ...words,
    ...(input === undefined ? [] : [`< ${input.length} bytes`]),
    ...(batch === undefined ? [] : [`as ${batch.slice(0, 400)}`]),
  ].join(" ");
}
