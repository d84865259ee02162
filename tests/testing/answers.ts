/**
 * Sends commands to an embedded mail system, for tests.
 *
 * @module
 */

import { mailHandler } from "../../testing/mail_handler.ts";
import type { MailSystem } from "../../testing/mail_system.ts";
import { askHandler } from "./differential/embedded_server.ts";
import { textsOf } from "./differential/question.ts";

/** A command's name, its arguments, and the user to act on; alice if left out. */
export type Line = readonly [name: string, args?: readonly string[], user?: string];

/** Runs a command; returns the reply's fields, and after them the code of a failure: "-NOTFOUND". */
export type Answers = (...line: Line) => Promise<readonly string[]>;

/** Creates a function that runs commands on a mail system. */
export function answersOf(system: MailSystem): Answers {
  const ask = askHandler(mailHandler(system));
  return async (name, args = [], user = "alice") => {
    const answer = await ask({ name, args, user });
    return answer.result === "+" ? textsOf(answer) : [...textsOf(answer), answer.result];
  };
}
