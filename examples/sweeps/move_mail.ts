/**
 * Moves all mail of a user to another user of the same server, mailbox by mailbox, as when somebody leaves or
 * an address is renamed:
 *
 *     DOVEADM_URL=… node examples/sweeps/move_mail.ts OLD@EXAMPLE.ORG NEW@EXAMPLE.ORG [FOLDER]
 *
 * See program.ts for the environment. With a folder, the mailboxes are put below that one. Flags and dates
 * stay. Running it again goes on with what was not moved: a mail is in one of the two places, or, if the
 * server was stopped in between, in both.
 *
 * @module
 */

import { CommandError, type DoveadmClient } from "../../mod.ts";
import { sweep, type SweepOptions, type SweepResult } from "../../sweep/mod.ts";
import { allMailOf } from "./one_mailbox.ts";
import { printFailure, runProgram } from "./program.ts";

/** Whose mail goes where. */
export interface MoveMailOptions extends SweepOptions {
  readonly from: string;
  readonly to: string;
  /** The mailbox to put the others below; none if left out. */
  readonly below?: string;
  /** Between the parts of a mailbox's name; "/" if left out. */
  readonly separator?: string;
}

/** Moves mail; a result is a mailbox, its value how many mails were moved. */
export async function* moveMail(
  doveadm: DoveadmClient,
  { from, to, below, separator = "/", ...options }: MoveMailOptions,
): AsyncGenerator<SweepResult<number>, void, void> {
  const rows = await doveadm.run("mailbox list", { user: from });
  const mailboxes = rows.map(({ mailbox }) => mailbox).sort();
  yield* sweep(mailboxes, async (mailbox, context) => {
    const target = below === undefined ? mailbox : `${below}${separator}${mailbox}`;
    await create(doveadm, to, target);
    const field = ["messages"] as const;
    const status = { user: from, field, mailboxMask: [mailbox] };
    const rows = await doveadm.run("mailbox status", status, context);
    const { messages } = rows.find((row) => row.mailbox === mailbox) ?? { messages: 0 };
    if (messages === 0) return 0;
    const query = await allMailOf(doveadm, { user: from, mailbox }, context);
    await doveadm.run("move", {
      ...{ user: to, destinationMailbox: target, sourceUser: from },
      query,
    }, { ...context, timeout: 0 });
    return messages;
    // One mailbox at a time: all of them take the locks of the same two users.
  }, { ...options, concurrency: 1, idempotent: true });
}

/** Creates a mailbox, unless it is there. */
async function create(doveadm: DoveadmClient, user: string, mailbox: string): Promise<void> {
  if (mailbox === "INBOX") return;
  try {
    await doveadm.run("mailbox create", { user, mailbox: [mailbox], subscriptions: true });
  } catch (error) {
    if (!(error instanceof CommandError && error.reason === "exists")) throw error;
  }
}

if (import.meta.main) {
  await runProgram("move_mail.ts FROM TO [FOLDER]", 2, async ({ doveadm, args, options }) => {
    const [from, to, below] = args;
    for await (const result of moveMail(doveadm, { ...options, from, to, below })) {
      if (result.ok) console.log(`${result.user}: ${result.value}`);
      else printFailure(result.user, result.error, result.sent);
    }
  });
}
