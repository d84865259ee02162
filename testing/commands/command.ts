/**
 * The shape of a command of the embedded server.
 *
 * @module
 */

import type { DovecotVersion, GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import type { ReplyField, ServerRequest } from "../../doveadm/server/handler.ts";
import type { MailSystem, MailUser } from "../mail_system.ts";
import type { FetchFields } from "./fetch_fields.ts";

/** What differs between the versions of Dovecot in several commands. */
export interface Rules {
  /** The version, whose search queries are understood. */
  readonly version: DovecotVersion;
  /** Whether a query's mailbox that is missing has no mails; otherwise it is a failure. */
  readonly ignoresMissing: boolean;
  /** The fields of "fetch". */
  readonly fetchFields: FetchFields;
}

/** A running command. */
export interface CommandCall {
  readonly system: MailSystem;
  readonly request: ServerRequest;
  readonly arguments: GivenOptions;
  readonly rules: Rules;
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
    check?(arguments_: GivenOptions, rules: Rules): void;
    /** The number of fields in a row, for the column with the user's name; called once per call. */
    columns(arguments_: GivenOptions, rules: Rules): number;
    run(call: MailCommandCall): Fields;
  }
  /** A command that doesn't act on a user's mail. */
  | {
    readonly kind: "server";
    run(call: CommandCall): Fields;
  };
