/**
 * The command "user".
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { ReplyField } from "../../doveadm/server/handler.ts";
import type { Command, CommandCall } from "./command.ts";
import type { MailUser } from "../mail_system.ts";
import { fitsWildcards, hasWildcards } from "../mailboxes/wildcards.ts";

/** The login data that "-x" may set for the user database lookup. */
const AUTH_INFO = /^(service|lip|rip)=|^(lport|rport)=\d+$/;

/** Expands an expression's variables; throws a `CommandFailure` with Dovecot's reason as its `log`. */
export type Expand = (expression: string, user: MailUser) => string;

/** How a version describes users. */
export interface UserDescription {
  /** The fields that every user has, empty if unknown. */
  readonly basicFields: readonly string[];
  /** Expands the variables of an expression. */
  readonly expand: Expand;
}

/**
 * The command "user": one JSON text with the names that match the masks, or with the user database's
 * fields of each user.
 */
export function userCommand(description: UserDescription): Command {
  return { kind: "server", run: (call) => describeUsers(call, description) };
}

function* describeUsers(
  { system, arguments: arguments_ }: CommandCall,
  description: UserDescription,
): Iterable<ReplyField> {
  check(arguments_);
  const masks = arguments_.list("user-mask");
  if (masks.some(hasWildcards)) {
    const names = [...system.users.keys()].filter((name) =>
      masks.some((mask) => fitsWildcards(mask, name))
    );
    yield { text: `{"userList":[${names.map(json).join(",")}]}` };
    return;
  }
  const users = masks.map((name) => ({ name, user: system.findUser(name) }));
  const members = users.map(({ name, user }) =>
    `${json(name)}:{${describe(name, user, arguments_, description).map(member).join(",")}}`
  );
  yield { text: `{${members.join(",")}}` };
  const missing = users.find(({ user }) => user === undefined);
  if (missing !== undefined) {
    throw new CommandFailure("NOUSER", { log: `User ${missing.name} doesn't exist` });
  }
}

/** Throws a `CommandFailure` for invalid arguments. */
function check(arguments_: GivenOptions): void {
  for (const info of arguments_.list("auth-info")) {
    if (!AUTH_INFO.test(info)) throw usage(`Unknown -x argument: ${info}`);
  }
  if (!arguments_.has("user-mask")) throw usage("No user(s) specified");
  if (!arguments_.has("expand-field")) return;
  if (arguments_.has("userdb-only")) throw usage("-e can't be used with -u");
  if (arguments_.has("field")) throw usage("-e can't be used with -f");
}

/** The fields of a user, by name. */
function describe(
  name: string,
  user: MailUser | undefined,
  arguments_: GivenOptions,
  { basicFields, expand }: UserDescription,
): readonly (readonly [string, string])[] {
  const onlyDatabase = arguments_.has("userdb-only");
  if (user === undefined) {
    return [[
      "error",
      onlyDatabase
        ? "userdb lookup: user doesn't exist"
        : `userdb lookup: user ${name} doesn't exist`,
    ]];
  }
  const expression = arguments_.text("expand-field");
  if (expression !== undefined) return [expanded(expression, user, expand)];
  const known = Object.entries(user.fields);
  const isRenamed = user.name !== name;
  const all: readonly (readonly [string, string])[] = onlyDatabase
    ? [
      ["source", "userdb"],
      ...isRenamed ? [["updated_username", user.name] as const] : [],
      ...known,
    ]
    : [
      ...isRenamed ? [["user", user.name] as const] : [],
      ...basicFields.map((field) => [field, user.fields[field] ?? ""] as const),
      ...known.filter(([field]) => !basicFields.includes(field)),
    ];
  const wanted = arguments_.text("field");
  return wanted === undefined ? all : all.filter(([field]) => field === wanted);
}

function expanded(expression: string, user: MailUser, expand: Expand): readonly [string, string] {
  try {
    return [expression, expand(expression, user)];
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return ["error", `Failed to expand field: ${error.log}`];
  }
}

/** Expands the most common of Dovecot 2.3's settings variables. */
export function expandVariables(expression: string, user: MailUser): string {
  const [local, domain = ""] = user.name.split(/@(.*)/s);
  const { home = "" } = user.fields;
  const variables: Readonly<Record<string, string>> = {
    u: user.name,
    user: user.name,
    n: local,
    username: local,
    d: domain,
    domain,
    h: home,
    home,
    "%": "%",
  };
  let unknown: string | undefined;
  const value = expression.replaceAll(
    /%([LU]*)(?:\{([^}]*)\}|(.))/gs,
    (variable, change: string, long?: string, short?: string) => {
      const name = long ?? short ?? "";
      if (!Object.hasOwn(variables, name)) {
        unknown ??= variable;
        return "";
      }
      const value = variables[name];
      if (change.endsWith("L")) return value.toLowerCase();
      return change.endsWith("U") ? value.toUpperCase() : value;
    },
  );
  if (unknown === undefined) return value;
  throw usage(`Unknown variable '${unknown}'`);
}

function member([name, value]: readonly [string, string]): string {
  return `${json(name)}:${json(value)}`;
}

/** A text in JSON, escaped as Dovecot does, which differs from JSON.stringify() in two characters. */
function json(text: string): string {
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

function usage(log: string): CommandFailure {
  return new CommandFailure("USAGE", { log });
}
