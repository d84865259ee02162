/**
 * Runs typed calls: those for many users as many commands, the others as one.
 *
 * @module
 */

import { RemoteProtocolError } from "../../core/errors.ts";
import type { CallRunner } from "./call_runner.ts";
import { CommandError } from "./command_error.ts";
import { rowsForUsers, runForUsers, type UsersCall } from "./many_users.ts";
import type { SendOptions } from "./request.ts";
import type { RunOptions } from "./run_options.ts";
import { type Row, TypedCall } from "./typed_call.ts";

/** Runs a call and returns its rows. */
export function runCall(
  runner: CallRunner,
  call: TypedCall,
  options: RunOptions,
): Promise<Row[]> {
  const many = usersCall(runner, call, false);
  if (many !== undefined) return runForUsers(many, options);
  const rows = runner.runCall(call, oneFor(call, options));
  if (!call.isIteratedByServer) return rows;
  return rows.catch((error) => {
    throw withNote(error, call);
  });
}

/** Runs a call and yields its rows as they arrive, those that arrive at once together. */
export async function* rowsOfCall(
  runner: CallRunner,
  call: TypedCall,
  options: RunOptions,
): AsyncGenerator<readonly Row[], void, void> {
  const many = usersCall(runner, call, true);
  if (many !== undefined) return yield* rowsForUsers(many, options);
  try {
    yield* runner.rowsOfCall(call, oneFor(call, options));
  } catch (error) {
    throw withNote(error, call);
  }
}

/** Runs several calls at once and returns the outcome of each. */
export async function runCalls(
  runner: CallRunner,
  calls: readonly TypedCall[],
  options: RunOptions,
): Promise<PromiseSettledResult<Row[]>[]> {
  const ones = calls.filter((call) => !isForMany(call));
  const outcomesOfOnes = ones.length > 0 ? runner.runCalls(ones, options) : Promise.resolve([]);
  const many = Promise.allSettled(
    calls.filter(isForMany).map((call) => runCall(runner, call, options)),
  );
  const rest = { ones: await outcomesOfOnes, many: await many };
  let [one, other] = [0, 0];
  return calls.map((call) => isForMany(call) ? rest.many[other++] : noted(rest.ones[one++], call));
}

/** Whether a call is a command for each of several users. */
function isForMany(call: TypedCall): boolean {
  return call.users !== undefined && !call.isIteratedByServer;
}

/** A call as one for many users, if it is one. */
function usersCall(runner: CallRunner, call: TypedCall, isStream: boolean): UsersCall | undefined {
  if (call.users === undefined || call.isIteratedByServer) return undefined;
  return {
    command: call.info.name,
    users: call.users,
    list: (mask, options) => listUsers(runner, mask, options),
    open: (options) => runner.forUsers(call, isStream, options),
  };
}

/** The names of the users that match a mask. */
async function listUsers(
  runner: CallRunner,
  mask: string,
  options: SendOptions,
): Promise<readonly string[]> {
  const rows = await runner.runCall(new TypedCall("user", { userMask: [mask] }), options);
  return rows.map(({ username }) => {
    if (typeof username === "string") return username;
    throw new RemoteProtocolError('"user" was answered with a user whose name is not a text.', {
      sent: true,
    });
  });
}

function noted(
  outcome: PromiseSettledResult<Row[]>,
  call: TypedCall,
): PromiseSettledResult<Row[]> {
  return outcome.status === "fulfilled"
    ? outcome
    : { status: "rejected", reason: withNote(outcome.reason, call) };
}

/**
 * The options for a call of one command: one that is for all users has no time limit unless it is given
 * one.
 */
function oneFor(call: TypedCall, options: RunOptions): RunOptions {
  return call.isIteratedByServer ? { ...options, timeout: options.timeout ?? Infinity } : options;
}

/** The error of a call; that of one that the server ran for all users says what this means. */
function withNote(error: unknown, call: TypedCall): unknown {
  if (!(error instanceof CommandError) || !call.isIteratedByServer) return error;
  return new CommandError(error.command, error.reply, error.log, {
    status: error.exitCode,
    note:
      'With iterate: "server", this is the failure of one user or more; Dovecot\'s log names them, and the ' +
      'others were not left out. Leave "iterate" out to get each user\'s rows and failure.',
  });
}
