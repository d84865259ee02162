/**
 * The forms of answers to commands.
 *
 * @module
 */

import { exitCode } from "../../../core/doveadm/mod.ts";
import type { LogLines } from "./log_lines.ts";
import type { Preferences } from "./preferences.ts";

/** A failure of a command. */
export interface Failure {
  /** Its code: "NOUSER"; "" for an unknown command. */
  readonly code: string;
  /** Text after the code; "" for none. */
  readonly detail: string;
  /** Why it failed, for the log. */
  readonly log: string | undefined;
  /** Whether a policy doesn't allow the command. */
  readonly isRefusal: boolean;
}

/** Why a command can't run. */
export type Refusal = "unknownMethod" | "invalidRequest";

/** Options for an {@linkcode AnswerForm}. */
export interface AnswerFormOptions {
  readonly preferences: Preferences;
  /** Whether error objects have a space after a comma, as those of Dovecot 2.3. */
  readonly isSpaced: boolean;
}

/** The form of an answer, with what the client asked for beyond Dovecot's API. */
export class AnswerForm {
  readonly #tag: string;
  readonly #log: LogLines;
  readonly #options: AnswerFormOptions;

  /** Creates the form for the answer to the command with a tag. */
  constructor(tag: string, log: LogLines, options: AnswerFormOptions) {
    this.#tag = JSON.stringify(tag);
    this.#log = log;
    this.#options = options;
  }

  /** The end of an answer with rows; with a failure, these are the rows before it. */
  success(failure?: Failure): string {
    const error = failure === undefined
      ? []
      : [`"error":${this.#error(errorOf(failure))}`, ...this.#code(failure)];
    return `,${this.#tag}${this.#element(error)}]`;
  }

  /** The whole answer to a command that failed. */
  error(failure: Failure): string {
    return this.#whole(errorOf(failure), this.#code(failure));
  }

  /** The whole answer to a command that can't run. */
  refusal(type: Refusal): string {
    return this.#whole({ type, exitCode: 0 }, []);
  }

  #whole(error: ApiError, members: readonly string[]): string {
    return `["error",${this.#error(error)},${this.#tag}${this.#element(members)}]`;
  }

  #error({ type, exitCode }: ApiError): string {
    const space = this.#options.isSpaced ? " " : "";
    return `{"type":"${type}",${space}"exitCode":${exitCode}}`;
  }

  #code({ code, detail }: Failure): string[] {
    if (!this.#options.preferences.log) return [];
    return [
      `"code":${JSON.stringify(code)}`,
      ...(detail === "" ? [] : [`"detail":${JSON.stringify(detail)}`]),
    ];
  }

  #element(members: readonly string[]): string {
    const { log, rows } = this.#options.preferences;
    if (!log && !rows) return "";
    const lines = log ? [`"log":${this.#log.json()}`] : [];
    return `,{${[...members, ...lines].join(",")}}`;
  }
}

/** An error, as the API has it. */
interface ApiError {
  readonly type: string;
  readonly exitCode: number;
}

function errorOf({ code, isRefusal }: Failure): ApiError {
  if (isRefusal) return { type: "unAuthorized", exitCode: 0 };
  if (code === "") return { type: "unknownMethod", exitCode: 0 };
  if (code === "REFERRAL") return { type: "internalError", exitCode: 0 };
  return { type: "exitCode", exitCode: exitCode(code) };
}
