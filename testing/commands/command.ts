/**
 * What a command of the embedded server is.
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import type { ReplyField, ServerRequest } from "../../doveadm/server/handler.ts";
import type { MailSystem, MailUser } from "../mail_system.ts";

/** A command that runs. */
export interface CommandCall {
  readonly system: MailSystem;
  readonly request: ServerRequest;
  readonly arguments: GivenOptions;
}

/** A command that acts on one user's mail, for each of the users that are asked for. */
export interface MailCommandCall extends CommandCall {
  readonly user: MailUser;
}

/** What a command gives: the fields of its reply, as they come. */
export type Fields = Iterable<ReplyField> | AsyncIterable<ReplyField>;

/** A command of the embedded server; its parameters are those of the catalogue's entry. */
export type Command =
  /** One that acts on a user's mail: run once per user, with that user's name ahead of each row for `-A`. */
  | {
    readonly kind: "mail";
    /** Throws a `CommandFailure` for arguments that can't be; called ahead of anything else. */
    check?(arguments_: GivenOptions): void;
    /** How many fields a row has, for the column with the user's name; asked once per call. */
    columns(arguments_: GivenOptions): number;
    run(call: MailCommandCall): Fields;
  }
  /** One that doesn't. */
  | {
    readonly kind: "server";
    run(call: CommandCall): Fields;
  };
