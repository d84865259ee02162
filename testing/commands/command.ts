/**
 * What a command of the embedded server is.
 *
 * @module
 */

import type { ReplyField, ServerRequest } from "../../server/handler.ts";
import type { MailSystem, MailUser } from "../mail_system.ts";

/** A parameter of a command, as Dovecot's command tables have it. */
export interface Parameter {
  /** The name of the long option, and of the argument: "mailbox". */
  readonly name: string;
  /** The letter of the short option; none for an argument or a parameter that has only a long one. */
  readonly short?: string;
  /** "flag" takes no value; "list" may come more than once, and as the last argument takes all. */
  readonly type: "flag" | "string" | "list" | "number" | "input";
  /** Whether it stands on the line by its place, without an option's name. */
  readonly positional?: boolean;
}

/** The arguments of a command, by the parameters' names. */
export interface Arguments {
  /** Whether a parameter was given. */
  has(name: string): boolean;
  /** The value of a string; `undefined` where it wasn't given. */
  text(name: string): string | undefined;
  /** The value of a number. */
  number(name: string): number | undefined;
  /** The values of a list, none where it wasn't given. */
  list(name: string): readonly string[];
}

/** A command that runs. */
export interface CommandCall {
  readonly system: MailSystem;
  readonly request: ServerRequest;
  readonly arguments: Arguments;
}

/** A command that acts on one user's mail, for each of the users that are asked for. */
export interface MailCommandCall extends CommandCall {
  readonly user: MailUser;
}

/** What a command gives: the fields of its reply, as they come. */
export type Fields = Iterable<ReplyField> | AsyncIterable<ReplyField>;

/** A command of the embedded server. */
export type Command =
  /** One that acts on a user's mail: run once per user, with that user's name ahead of each row for `-A`. */
  | {
    readonly kind: "mail";
    /** The parameters that it has beside those of every such command: "-A", "-u" … */
    readonly parameters: readonly Parameter[];
    /** Throws a `CommandFailure` for arguments that can't be; called ahead of anything else. */
    check?(arguments_: Arguments): void;
    /** How many fields a row has, for the column with the user's name; asked once per call. */
    columns(arguments_: Arguments): number;
    run(call: MailCommandCall): Fields;
  }
  /** One that doesn't. */
  | {
    readonly kind: "server";
    readonly parameters: readonly Parameter[];
    run(call: CommandCall): Fields;
  };
