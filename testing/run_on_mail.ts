/**
 * Runs a command on the mail of the users that it selects.
 *
 * @module
 */

import { LocalProtocolError } from "../core/mod.ts";
import { CommandFailure } from "../doveadm/server/command_failure.ts";
import type { ReplyField, ServerRequest } from "../doveadm/server/handler.ts";
import type { Command, CommandCall, Fields } from "./commands/command.ts";
import type { SelectedUser, Selection, ServerVersion } from "./versions/version.ts";

type MailCommand = Command & { readonly kind: "mail" };

/** Runs a command on a user's mail; throws a `CommandFailure` for a user whom the server doesn't have. */
type RunForUser = (selected: SelectedUser, request: ServerRequest) => Fields;

/** Where a command runs. */
export interface MailServerPlace {
  readonly version: ServerVersion;
  /** The host of the server that has a user; `undefined` for this one. */
  readonly hostOf?: ((user: string) => string | undefined) | undefined;
}

/** Runs a command; throws a `CommandFailure` if the arguments are invalid, or a user is missing. */
export function runOnMail(
  command: MailCommand,
  call: CommandCall,
  { version, hostOf = () => undefined }: MailServerPlace,
): Fields {
  const { arguments: arguments_, rules } = call;
  command.check?.(arguments_, rules);
  const columns = command.columns(arguments_, rules);
  if (arguments_.has("user-file")) {
    const file = arguments_.text("user-file");
    throw new CommandFailure("TEMPFAIL", { log: `open(${file}) failed: there are no files here` });
  }
  const selection = version.selectUsers(call);
  const run: RunForUser = ({ name, user }, request) => {
    const shown = user?.name ?? name;
    const host = hostOf(shown);
    if (host !== undefined) throw referral(shown, host);
    if (user === undefined) {
      throw new CommandFailure("NOUSER", { log: `doveadm(${name}): User doesn't exist` });
    }
    const fields = command.run({ ...call, request, user });
    return selection.hasColumn && columns > 0 ? withUser(name, fields, columns) : fields;
  };
  return selection.areAll
    ? runForAll(call.request, selection, run)
    : run(selection.users[0], call.request);
}

/**
 * Runs a command for each user. A failure for one is logged, and doesn't keep it from the others; the
 * command's own is the last referral, or the first other one, as in Dovecot 2.4.
 */
async function* runForAll(
  request: ServerRequest,
  { users }: Selection,
  run: RunForUser,
): AsyncIterable<ReplyField> {
  const input = new RepeatedInput(request.input);
  let failure: CommandFailure | undefined;
  for (const selected of users) {
    try {
      yield* run(selected, { ...request, input: input.again() });
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      if (error.log !== undefined) request.log("error", error.log);
      if (failure === undefined || error.code === "REFERRAL") failure = error;
    }
  }
  if (failure === undefined) return;
  const { code, detail } = failure;
  throw new CommandFailure(code, { detail, cause: failure });
}

/** An input that is read once, and then again from memory. */
class RepeatedInput {
  readonly #input: AsyncIterable<Uint8Array>;
  #chunks: readonly Uint8Array[] | undefined;

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#input = input;
  }

  async *again(): AsyncIterable<Uint8Array> {
    if (this.#chunks === undefined) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of this.#input) chunks.push(chunk);
      this.#chunks = chunks;
    }
    yield* this.#chunks;
  }
}

/** The failure that refers a client to the server that has a user. */
function referral(user: string, host: string): CommandFailure {
  if (typeof host === "string" && /^[^\s@]+$/.test(host)) {
    return new CommandFailure("REFERRAL", { detail: `${user}@${host}` });
  }
  throw new LocalProtocolError(
    `"hostOf" returned ${JSON.stringify(host)} for ${
      JSON.stringify(user)
    }. Return a host's name or ` +
      "address, or undefined.",
  );
}

/** Rows with a user's name before each. */
async function* withUser(
  name: string,
  fields: Fields,
  columns: number,
): AsyncIterable<ReplyField> {
  let column = 0;
  for await (const field of fields) {
    if (column === 0) yield name;
    column = (column + 1) % columns;
    yield field;
  }
}
