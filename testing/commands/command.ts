/**
 * The shape of a command of the embedded server.
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import type { ReplyField, ServerRequest } from "../../doveadm/server/handler.ts";
import type { MailSystem, MailUser } from "../mail_system.ts";

/** A running command. */
export interface CommandCall {
  readonly system: MailSystem;
  readonly request: ServerRequest;
  readonly arguments: GivenOptions;
}

/** A command that acts on one user's mail, run for each selected user. */
export interface MailCommandCall extends CommandCall {
  readonly user: MailUser;
}

/** The output of a command: the fields of its reply, in order. */
export type Fields = Iterable<ReplyField> | AsyncIterable<ReplyField>;

/** A command of the embedded server; its parameters are those of the catalogue's entry. */
export type Command =
  /** A command on a user's mail: run once per user; `-A` puts that user's name before each row. */
  | {
    readonly kind: "mail";
    /** Throws a `CommandFailure` for invalid arguments; called first. */
    check?(arguments_: GivenOptions): void;
    /** The number of fields in a row, for the column with the user's name; called once per call. */
    columns(arguments_: GivenOptions): number;
    run(call: MailCommandCall): Fields;
  }
  /** A command that doesn't act on a user's mail. */
  | {
    readonly kind: "server";
    run(call: CommandCall): Fields;
  };
