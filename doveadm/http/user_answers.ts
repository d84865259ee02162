/**
 * The answers of several users in one request over HTTP.
 *
 * @module
 */

import { LocalProtocolError, quoteText } from "../../core/mod.ts";
import { isMask } from "../chosen_users.ts";
import type { Row } from "../client/typed_call.ts";
import type { UserAnswer } from "../client/user_requests.ts";
import type { HttpApi } from "./api.ts";
import type { CallDeadline } from "./call_deadline.ts";
import { exchange, type HttpEvent } from "./exchange.ts";
import type { JsonRows } from "./json_rows.ts";
import type { HttpCommand } from "./request_body.ts";

/** A command for several users. */
export interface UsersCommand {
  /** The command, whose users are not yet set. */
  readonly command: HttpCommand;
  /** Reads its rows. */
  readonly reader: JsonRows;
  /** The users. */
  readonly users: readonly string[];
}

/**
 * Sends a command for each of several users in one request, and yields the answers. It takes the deadline,
 * and stops it. Throws what {@linkcode exchange} throws.
 */
export async function* answersOfUsers(
  api: HttpApi,
  { command, reader, users }: UsersCommand,
  deadline: CallDeadline,
): AsyncGenerator<UserAnswer, void, void> {
  try {
    /** The users of the request, by their indexes. */
    const asked: number[] = [];
    for (const [user, name] of users.entries()) {
      if (!isMask(name)) asked.push(user);
      else yield { type: "end", user, error: maskError(name) };
    }
    if (asked.length === 0) return;
    const commands = asked.map((user) => commandFor(command, users[user]));
    const hasEnded = users.map(() => false);
    for await (const events of exchange(api, commands, deadline)) {
      for (const event of events) {
        const user = asked[event.command];
        if (hasEnded[user]) continue;
        const answer = answerOf(event, reader);
        if (answer.rows.length > 0) yield { type: "rows", user, rows: answer.rows };
        deadline.throwIfOver({ name: command.name ?? command.method, sent: true });
        if (!answer.isEnd) continue;
        hasEnded[user] = true;
        yield { type: "end", user, error: answer.error };
      }
    }
  } finally {
    deadline.stop();
  }
}

function commandFor(command: HttpCommand, user: string): HttpCommand {
  const parameters = { ...command.parameters, allUsers: undefined, userFile: undefined, user };
  return { ...command, parameters };
}

interface Answer {
  readonly rows: readonly Row[];
  readonly isEnd: boolean;
  readonly error?: unknown;
}

/** What an event tells of its user; an invalid row is the end of that user's answer. */
function answerOf(event: HttpEvent, reader: JsonRows): Answer {
  if (event.type === "failure") return { rows: [], isEnd: true, error: event.error };
  try {
    return { rows: reader.rowsOf(event), isEnd: event.type === "end" };
  } catch (error) {
    return { rows: [], isEnd: true, error };
  }
}

function maskError(name: string): LocalProtocolError {
  return new LocalProtocolError(
    `The list of users has ${quoteText(name)}, which is a mask over HTTP. Give it as "user".`,
  );
}
