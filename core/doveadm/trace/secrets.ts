/**
 * Keeps secrets out of a decoded conversation.
 *
 * @module
 */

import { Concealer } from "../../peer_text.ts";
import { existsIn } from "../catalogue/arguments.ts";
import type { CommandInfo, DovecotVersion } from "../catalogue/command_info.ts";
import { findCommand } from "../catalogue/lookup.ts";
import { decodeArguments } from "../catalogue/options.ts";

/** Stands for a secret. */
export const concealed = "…";

/** Words in the names of what is secret. */
const secretWords =
  "passw(?:or)?d|passphrase|(?<![a-z])pass(?![a-z])|secret|token|credential|api[-_]?key|private[-_]?key";

const secretName = new RegExp(secretWords, "i");

/** A name and its value in a text, whatever their quotes: `password=x`, `"token": "x"`. */
const assignment = new RegExp(
  `((?:${secretWords}|x-dovecot-api)[\\w.-]{0,64}["']?\\s{0,4}[:=]\\s{0,4})` +
    `("(?:[^"\\\\]|\\\\[^])*"?|'[^']*'?|[^\\s,;&"'{}\\[\\]()<>]+)`,
  "gi",
);

/** The header of HTTP, whose value has spaces. */
const authorization = /((?<![a-z])(?:proxy-)?authorization["']?\s{0,4}:)[^\r\n]+/gi;

/** The password in a URL, up to the last "@". */
const urlPassword = /(\w:\/\/[^\s/:@]{0,64}:)\S{1,256}(?=@)/g;

/** The most secrets of one conversation. */
const mostSecrets = 64;

/** The longest secret that is found in other texts, in characters. */
export const longestSecret = 8192;

/** Commands whose arguments after the first one are passwords. */
const passwordCommands: readonly string[] = ["auth test", "auth login"];

/** Commands whose every value is a secret: private keys. */
const secretAnswers: readonly string[] = ["mailbox cryptokey export"];

const versions: readonly DovecotVersion[] = ["2.4", "2.3"];

/** Whether something with that name is a secret. */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/** Whether all values that a command is answered with are secrets. */
export function hasSecretAnswer(command: string): boolean {
  return secretAnswers.includes(command.toLowerCase());
}

/** The secrets of a conversation. */
export class TraceSecrets {
  #secrets: string[] = [];
  #concealer = new Concealer([]);
  /** Whether there are more secrets than can be looked for: then nothing is shown. */
  #isFlooded = false;

  /** Adds a secret, which no text shows from here on. */
  add(secret: string): void {
    if (secret === "" || this.#isFlooded || this.#secrets.includes(secret)) return;
    if (this.#secrets.length === mostSecrets || secret.length > longestSecret) {
      this.#isFlooded = true;
      return;
    }
    this.#secrets.push(secret);
    this.#concealer = new Concealer(this.#secrets);
  }

  /** The text without secrets: those that were added, and the values of what is named as one. */
  conceal(text: string): string {
    if (this.#isFlooded) return concealed;
    return this.#concealer.conceal(text)
      .replace(urlPassword, `$1${concealed}`)
      .replace(authorization, `$1 ${concealed}`)
      .replace(assignment, `$1${concealed}`);
  }

  /** A command's arguments without secrets, which are added. */
  concealArguments(name: string, args: readonly string[]): readonly string[] {
    const shown = [...args];
    const hide = (at: number, from = 0) => {
      this.add(args[at].slice(from));
      shown[at] = args[at].slice(0, from) + concealed;
    };
    const command = name.toLowerCase();
    if (passwordCommands.includes(command)) hideOperands(args, 1, hide);
    const info = findCommand(command);
    const secrets = info === undefined ? [] : secretsIn(info, args);
    for (const [at, arg] of args.entries()) {
      const isOption = arg.startsWith("-");
      const equals = arg.indexOf("=");
      const isNamed = isSecretName(equals === -1 ? arg : arg.slice(0, equals));
      if (secrets === undefined) hide(at);
      else if (isNamed && equals !== -1) hide(at, equals + 1);
      else if (isNamed && isOption && at + 1 < args.length) hide(at + 1);
      for (const secret of secrets ?? []) {
        this.add(secret);
        if (arg.endsWith(secret)) hide(at, arg.length - secret.length);
      }
    }
    return shown.map((arg) => this.conceal(arg));
  }
}

/** Hides the arguments that are no options, after the first `count`. */
function hideOperands(args: readonly string[], count: number, hide: (at: number) => void): void {
  let operands = 0;
  for (const [at, arg] of args.entries()) {
    if (!arg.startsWith("-") && ++operands > count) hide(at);
  }
}

/**
 * The values of a command's secret parameters, also those that later ones replace; `undefined` if it has some
 * such parameters, and its arguments can't be read, so that any of them may be a secret.
 */
function secretsIn(info: CommandInfo, args: readonly string[]): readonly string[] | undefined {
  const names = info.parameters.filter(({ name, type }) => type === "string" && isSecretName(name))
    .map(({ name }) => name);
  if (names.length === 0) return [];
  const parameters = info.parameters.map((parameter) =>
    names.includes(parameter.name) ? { ...parameter, type: "array" as const } : parameter
  );
  const found: string[] = [];
  for (const version of versions.filter((version) => existsIn(info, version))) {
    try {
      const values = decodeArguments({ ...info, parameters }, args, version);
      found.push(...names.flatMap((name) => values[name] as readonly string[] ?? []));
    } catch {
      return undefined;
    }
  }
  return found.filter((secret) => secret !== "");
}
