/**
 * The variables of Dovecot 2.4's settings.
 *
 * @module
 */

import { CommandFailure } from "../../../doveadm/server/command_failure.ts";
import type { MailUser } from "../../mail_user.ts";

/** Filters for values: of Dovecot's, the ones for names. */
const filters: Readonly<Record<string, (value: string) => string>> = {
  lower: (value) => value.toLowerCase(),
  upper: (value) => value.toUpperCase(),
  username: (value) => value.split("@")[0],
  domain: (value) => value.split(/@(.*)/s)[1] ?? "",
};

/**
 * Expands "%{user}" and "%{home}", also with filters, as in "%{user | domain | upper}". Throws a
 * `CommandFailure` with the reason as its `log`.
 */
export function expandVariables24(expression: string, user: MailUser): string {
  return expression.replaceAll(/%\{([^}]*)(\}?)/g, (_, text: string, end: string) => {
    if (end === "") {
      throw unknown("syntax error, unexpected end of file, expecting CCBRACE or PIPE");
    }
    const [name, ...names] = text.split("|").map((part) => part.trim());
    let value: string;
    if (name === "user") value = user.name;
    else if (name === "home") value = user.fields.home ?? "";
    else throw unknown(`Unknown variable '${name}'`);
    for (const filter of names) {
      if (!Object.hasOwn(filters, filter)) throw unknown(`${filter}: No such function`);
      value = filters[filter](value);
    }
    return value;
  });
}

function unknown(log: string): CommandFailure {
  return new CommandFailure("USAGE", { log });
}
