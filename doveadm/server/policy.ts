/**
 * Rules for which client may run which commands on whose mail.
 *
 * @module
 */

import {
  type CommandInfo,
  commandReach,
  commands,
  type DovecotVersion,
  existsIn,
  findCommand,
  type NamedThing,
  namedThings,
  type Reach,
} from "../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError, quoteText, sameSecret } from "../../core/mod.ts";
import { isRecord, isTextList } from "../../core/option_checks.ts";
import { CommandFailure } from "./command_failure.ts";
import type { Authenticate } from "./login.ts";
import type { DoveadmHandler, ServerRequest } from "./handler.ts";
import { compileMask } from "./policy_mask.ts";

/** The permissions of a client. In masks, `*` matches any text and `?` any character. */
export interface PolicyRule {
  /** The secret that the client logs in with, as doveadm's password; none if it logs in otherwise. */
  readonly token?: string;
  /** Masks of the commands that it may run: "quota get", "mailbox *". */
  readonly commands: readonly string[];
  /**
   * Masks of the users on whose mail the commands may act: "alice", "*@example.org". The mask "*" also
   * allows commands that act on no user's mail ("who", "kick", "reload"), and options that choose
   * several users.
   */
  readonly users: readonly string[];
  /**
   * Whether the client is trusted like the server's administrator, so that its commands' arguments may also
   * name files of the server, other servers, programs and settings; `false` if left out. Requires the mask
   * "*" in `users`.
   */
  readonly trusted?: boolean;
}

/** A command for a {@linkcode Policy}: a request of `serve`, or its relevant fields. */
export type PolicyRequest =
  & Pick<ServerRequest, "name" | "args" | "user">
  & Partial<Pick<ServerRequest, "extraFields">>;

/** The failure of a command that a policy doesn't allow, which HTTP tells from the command's own. */
export class PolicyRefusal extends CommandFailure {}

/** The rules of {@linkcode policy}, ready to be used. */
export interface Policy {
  /** Lets a client in if its password is the token of a rule, under that rule's name. */
  readonly authenticate: Authenticate;
  /**
   * The failure of a command, with the reason in its `log`; `undefined` for an allowed command. `who` is
   * the name of the client's rule. Throws a `LocalProtocolError` for a request whose fields have other types than
   * theirs.
   */
  check(who: string | undefined, request: PolicyRequest): CommandFailure | undefined;
  /** Wraps a handler: commands that the rules don't allow fail, and the handler answers the others. */
  guard(handler: DoveadmHandler): DoveadmHandler;
}

/**
 * Creates a policy from rules, by the names of their clients.
 *
 * A command that a rule doesn't allow fails with NOPERM before its handler is called. The catalogue knows
 * what a command can reach: whether it acts on a user's mail, and which of its arguments, as Dovecot 2.3
 * and 2.4 read them, name other users, files, servers, programs or settings. Arguments that neither version
 * accepts fail with USAGE, also before the handler is called. A command that isn't in the catalogue is
 * refused to all clients.
 *
 * Throws a `LocalProtocolError` for an invalid rule.
 *
 * @example A server that lets a web shop see quotas, and nothing else
 * ```ts
 * import { policy, serve } from "@dovewire/dovewire/server";
 * import { CommandError, connect } from "@dovewire/dovewire";
 * import assert from "node:assert/strict";
 *
 * const rules = policy({
 *   "web shop": { token: "s3cret", commands: ["quota get"], users: ["*@example.org"] },
 * });
 * const place = { hostname: "127.0.0.1", port: 0, authenticate: rules.authenticate };
 * await using server = await serve(place, rules.guard(() => ["User quota", "STORAGE", "1", "2", "50"]));
 *
 * await using doveadm = connect(server.address, { password: "s3cret" });
 * const { fields } = await doveadm.send({ name: "quota get", user: "ann@example.org" });
 * assert.equal(fields.length, 5);
 * await assert.rejects(
 *   doveadm.send({ name: "quota get", user: "ann@example.net" }),
 *   (error) => error instanceof CommandError && error.code === "NOPERM",
 * );
 * ```
 */
export function policy(rules: Readonly<Record<string, PolicyRule>>): Policy {
  if (!isRecord(rules)) {
    throw new LocalProtocolError(
      "The rules are not an object. Pass one that has a rule for each client's name.",
    );
  }
  const compiled = new Map(
    Object.entries(rules).map(([who, rule]) => [who, compileRule(who, rule)]),
  );
  checkTokens(compiled);

  /** All tokens are compared, so that timing reveals nothing. */
  function authenticate(_username: string, password: string): string | undefined {
    const given = encoder.encode(password);
    const found = [...compiled].filter(([, { token }]) =>
      token !== undefined && sameSecret(given, token)
    );
    return found[0]?.[0];
  }

  function check(who: string | undefined, request: PolicyRequest): CommandFailure | undefined {
    checkRequest(request);
    const rule = who === undefined ? undefined : compiled.get(who);
    const objection = rule === undefined
      ? noPermission("no rule is for this client")
      : objectionTo(request, rule);
    if (objection === undefined) return undefined;
    const whom = who === undefined ? "" : ` to ${quoteText(who, 60)}`;
    const log = `${quoteText(request.name, 60)} is refused${whom}: ${objection.why}.`;
    return new PolicyRefusal(objection.code, { log });
  }

  return {
    authenticate,
    check,
    guard: (handler) => (request) => {
      const failure = check(request.client.username, request);
      if (failure !== undefined) throw failure;
      return handler(request);
    },
  };
}

/** Why a command is refused, and the code of the reply. */
interface Objection {
  readonly code: "NOPERM" | "USAGE";
  readonly why: string;
}

/** A checked rule. */
interface CompiledRule {
  readonly token: Uint8Array | undefined;
  /** The names of the allowed commands. */
  readonly commands: ReadonlySet<string>;
  readonly allowsEveryUser: boolean;
  /** Whether its masks allow a user. */
  readonly allowsUser: (name: string) => boolean;
  readonly trusted: boolean;
}

const encoder = new TextEncoder();
const versions: readonly DovecotVersion[] = ["2.3", "2.4"];

/** The most characters of getopt's message that are shown. */
const shownUsage = 200;

/** Fields that a proxy server adds to a command, and which select nothing. */
const harmlessFields: ReadonlySet<string> = new Set(["proxy-ttl"]);

/** Descriptions of what only a trusted client may name. */
const beyond: Readonly<Record<Exclude<Reach, "nothing" | "user">, string>> = {
  file: "a file or a storage of the server",
  server: "another server or socket",
  program: "commands to run",
  settings: "settings of the server",
};

function objectionTo(request: PolicyRequest, rule: CompiledRule): Objection | undefined {
  const info = findCommand(request.name);
  if (info === undefined) return noPermission("the catalogue of commands doesn't have it");
  if (!rule.commands.has(info.name)) return noPermission("its rule doesn't allow the command");
  if (rule.trusted) return undefined;
  const { user = "", args } = request;
  if (user.includes("\0") || args.some((arg) => arg.includes("\0"))) {
    return {
      code: "USAGE",
      why: "it contains a NUL, at which Dovecot would cut its user or argument",
    };
  }
  const field = Object.keys(request.extraFields ?? {}).find((name) => !harmlessFields.has(name));
  if (field !== undefined) {
    return noPermission(`only a trusted client may send the field ${quoteText(field, 60)}`);
  }
  return objectionToUser(info, request.user, rule) ??
    objectionToReach(commandReach(info), "the command") ??
    objectionToArguments(info, request.args, rule);
}

function objectionToUser(
  info: CommandInfo,
  user: string | undefined,
  rule: CompiledRule,
): Objection | undefined {
  if (rule.allowsEveryUser) return undefined;
  if (!info.mail) {
    return noPermission("it doesn't act on one user's mail, and its rule doesn't allow every user");
  }
  // Dovecot takes an empty name for none.
  if (user === undefined || user === "") {
    return noPermission("it acts on no user, and its rule doesn't allow every user");
  }
  return objectionToName(user, rule, "it acts on");
}

/** The objection to a name of one user; `undefined` if there is none. */
function objectionToName(name: string, rule: CompiledRule, what: string): Objection | undefined {
  if (rule.allowsEveryUser) return undefined;
  if (/[*?]/.test(name)) {
    return noPermission(
      `${what} the users ${quoteText(name, 60)}, and may act on one by name only`,
    );
  }
  if (rule.allowsUser(name)) return undefined;
  return noPermission(`${what} ${quoteText(name, 60)}, and its rule doesn't allow that user`);
}

/** Checks the arguments as read by each version that has the command. */
function objectionToArguments(
  info: CommandInfo,
  args: readonly string[],
  rule: CompiledRule,
): Objection | undefined {
  let isTaken = false;
  let usage: Objection | undefined;
  for (const version of versions) {
    if (!existsIn(info, version)) continue;
    let things: readonly NamedThing[];
    try {
      things = namedThings(info, args, version);
    } catch (error) {
      if (!(error instanceof LocalProtocolError)) throw error;
      usage = { code: "USAGE", why: quoteText(error.message, shownUsage) };
      continue;
    }
    isTaken = true;
    for (const thing of things) {
      const objection = objectionToThing(thing, rule);
      if (objection !== undefined) return objection;
    }
  }
  return isTaken ? undefined : usage;
}

function objectionToThing(
  { reach, parameter, values }: NamedThing,
  rule: CompiledRule,
): Objection | undefined {
  if (reach === undefined) {
    return noPermission(`the catalogue doesn't know what its argument "${parameter}" names`);
  }
  if (reach !== "user") return objectionToReach(reach, `its argument "${parameter}"`);
  for (const value of values) {
    const objection = parameter === "allUsers" && !rule.allowsEveryUser
      ? noPermission("it acts on all users, and its rule doesn't allow every user")
      : objectionToName(value, rule, `its argument "${parameter}" names`);
    if (objection !== undefined) return objection;
  }
}

/** The objection to a target that only a trusted client may reach. */
function objectionToReach(reach: Reach, what: string): Objection | undefined {
  if (reach === "nothing" || reach === "user") return undefined;
  return noPermission(`${what} names ${beyond[reach]}, which only a trusted client may do`);
}

function noPermission(why: string): Objection {
  return { code: "NOPERM", why };
}

/** Whatever the types say: in a text of arguments, or a `Map` of fields, nothing would be found. */
function checkRequest({ name, args, user, extraFields = {} }: PolicyRequest): void {
  const isRight = typeof name === "string" && isTextList(args) && isRecord(extraFields) &&
    (user === undefined || typeof user === "string");
  if (isRight) return;
  throw new LocalProtocolError(
    'A policy can\'t read the request. Pass "name" as a string, "args" as an array of strings, "user" as a string or ' +
      'undefined, and "extraFields" as an object.',
  );
}

/** Checks a rule, which may come from a file, and prepares it. */
function compileRule(who: string, rule: PolicyRule): CompiledRule {
  const invalid = (what: string) =>
    new LocalProtocolError(`The rule of ${quoteText(who, 60)} ${what}.`);
  if (typeof rule !== "object" || rule === null) throw invalid("is not an object");
  const { token, commands: commandMasks, users, trusted = false, ...others } = rule;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw invalid(
      `has ${quoteText(unknown, 60)}. A rule has "token", "commands", "users" and "trusted"`,
    );
  }
  if (token !== undefined && (typeof token !== "string" || token === "")) {
    throw invalid('has an empty "token". Give a secret, or leave it out');
  }
  if (!isTextList(commandMasks)) {
    throw invalid('needs "commands", a list of masks such as ["quota get", "mailbox *"]');
  }
  if (!isTextList(users)) {
    throw invalid('needs "users", a list of masks such as ["alice", "*@example.org"]');
  }
  if (typeof trusted !== "boolean") throw invalid('has a "trusted" that is not a boolean');
  const allowsEveryUser = users.includes("*");
  if (trusted && !allowsEveryUser) {
    throw invalid('is trusted, and so has to allow every user. Put "*" into "users"');
  }
  const names = commandMasks.flatMap((mask) => Object.keys(commands).filter(compileMask(mask)));
  const userMasks = users.map(compileMask);
  return {
    token: token === undefined ? undefined : encoder.encode(token),
    commands: new Set(names),
    allowsEveryUser,
    allowsUser: (name) => userMasks.some((fits) => fits(name)),
    trusted,
  };
}

/** Checks that no two rules have the same token. */
function checkTokens(rules: ReadonlyMap<string, CompiledRule>): void {
  const owners = new Map<string, string>();
  for (const [who, { token }] of rules) {
    if (token === undefined) continue;
    const key = String(token);
    const other = owners.get(key);
    if (other !== undefined) {
      throw new LocalProtocolError(
        `The rules of ${quoteText(other, 60)} and ${quoteText(who, 60)} have the same token. ` +
          "Give each its own.",
      );
    }
    owners.set(key, who);
  }
}
