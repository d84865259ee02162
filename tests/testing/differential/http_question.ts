/**
 * Commands as requests over HTTP have them, also with mistakes.
 *
 * @module
 */

import {
  decodeArguments,
  type DovecotVersion,
  findCommand,
  type ParameterValue,
} from "../../../core/doveadm/catalogue/mod.ts";
import { decodeUtf8Strictly, LocalProtocolError } from "../../../core/mod.ts";
import type { Random } from "../../harness/random.ts";
import type { Question } from "./question.ts";

/** The tag of all commands. */
export const TAG = "the tag";

/** A command of a batch, by its parts. */
interface HttpCommand {
  readonly method: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/**
 * Adds a command's form over HTTP. Returns `undefined` for one that has none: with options that don't exist,
 * or with an input that isn't text, or is too long for the version.
 */
export function inHttp(question: Question, version: DovecotVersion): Question | undefined {
  const command = httpCommand(question, version);
  return command && { ...question, batch: batchOf([command.method, command.parameters, TAG]) };
}

function httpCommand(
  { name, args, user, input }: Question,
  version: DovecotVersion,
): HttpCommand | undefined {
  const info = findCommand(name);
  if (info === undefined) return { method: name, parameters: {} };
  let given: Record<string, ParameterValue>;
  try {
    given = decodeArguments(info, args, version);
  } catch (error) {
    if (error instanceof LocalProtocolError) return undefined;
    throw error;
  }
  const text = input && decodeUtf8Strictly(input);
  if (input !== undefined && !isCarried(text, version)) return undefined;
  return {
    method: info.method,
    parameters: {
      ...(info.mail && user !== undefined ? { user } : {}),
      ...given,
      ...(text === undefined ? {} : { [info.input!]: text }),
    },
  };
}

/** Whether HTTP carries an input: as text, and to 2.4 only a short one. */
function isCarried(text: string | undefined, version: DovecotVersion): boolean {
  if (text === undefined || text.includes("\0")) return false;
  return version === "2.3" || text.length <= 32_768;
}

/** A batch of one command, as JSON. */
function batchOf(command: unknown): string {
  return JSON.stringify([command], (_, value) => typeof value === "bigint" ? Number(value) : value);
}

const wrongValues: readonly unknown[] = [
  ...[7, -1, 0, 1.5, 1e30, true, false, null, "", "x", "true", "7", "a b"],
  ...[[], ["x"], [7], [null], {}, { x: "y" }, [["x"]]],
];

/** Makes mistakes that only HTTP has. */
export class HttpMistakes {
  readonly #random: Random;
  readonly #version: DovecotVersion;

  /** Creates one with a source of randomness. */
  constructor(random: Random, version: DovecotVersion) {
    this.#random = random;
    this.#version = version;
  }

  /** A command over HTTP, now and then with a mistake; `undefined` where {@linkcode inHttp} has none. */
  ask(question: Question): Question | undefined {
    const random = this.#random;
    const command = httpCommand(question, this.#version);
    if (command === undefined) return undefined;
    const whole = random.chance(12)
      ? random.pick([this.#otherName, this.#otherParameters, this.#otherForm])
        .call(this, command)
      : [command.method, command.parameters, TAG];
    return { ...question, batch: batchOf(whole) };
  }

  /** A name in one of its other spellings. */
  #otherName({ method, parameters }: HttpCommand): unknown[] {
    const spaced = method.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    const name = this.#random.pick([
      ...[spaced, spaced.replaceAll(" ", "-"), method.toUpperCase(), `${method}x`],
    ]);
    return [name, parameters, TAG];
  }

  #otherParameters({ method, parameters }: HttpCommand): unknown[] {
    const random = this.#random;
    const names = Object.keys(parameters);
    const name = names.length === 0 ? "user" : random.pick(names);
    const { [name]: value, ...others } = parameters;
    const dashed = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const changed = random.pick<Readonly<Record<string, unknown>>>([
      others,
      { ...parameters, nothing: "x" },
      { ...others, [dashed]: value },
      { ...others, [name]: random.pick(wrongValues) },
      { ...others, [name]: random.pick(wrongValues) },
      { ...parameters, allUsers: random.pick<unknown>([true, false, "yes", 1]) },
      { ...parameters, user: random.pick(["*", "b*", "?lice", "x*", "alice@*", ""]) },
    ]);
    return [method, changed, TAG];
  }

  #otherForm({ method, parameters }: HttpCommand): unknown {
    return this.#random.pick<unknown>([
      [method, [], TAG],
      [method, parameters],
      [method, parameters, 7],
      [method, parameters, TAG, "more"],
      [method],
      [],
      [7, parameters, TAG],
      method,
      { [method]: parameters },
      [method, null, TAG],
    ]);
  }
}
