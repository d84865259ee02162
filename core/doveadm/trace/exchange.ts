/**
 * What each side of a conversation has to know of the other to be decoded.
 *
 * @module
 */

import { Queue } from "../../queue.ts";
import { MAX_MINOR } from "../handshake_options.ts";
import { columnNames } from "./column_names.ts";
import { hasSecretAnswer, isSecretName } from "./secrets.ts";
import { TraceTexts } from "./trace_texts.ts";

/** A command that has no reply yet. */
export interface PendingCommand {
  /** Its number. */
  readonly id: number;
  /** Its name. */
  readonly name: string;
  /** The columns of its rows; `undefined` if they aren't known. */
  readonly columns: readonly string[] | undefined;
  /** Whether all of its values are secrets. */
  readonly isSecret: boolean;
  /** Whether input follows it. */
  readonly hasInput: boolean;
  /** Whether that has not ended yet. */
  isInputOpen: boolean;
}

/** The most commands without a reply that are remembered. */
const mostPending = 100_000;

/** The state that both sides share. */
export class Exchange {
  /** Makes the texts of both sides. */
  readonly texts: TraceTexts;
  /** The minor version that the client offers. */
  offered: number | undefined;
  /** That of the server. */
  serverMinor: number | undefined;
  /** Whether the server has accepted the client. */
  isAccepted = false;
  /** Whether the client has sent anything. */
  isClientSeen = false;
  /** How many lines of the handshake the server has to answer. */
  handshakeOwed = 0;
  /** How many commands were sent. */
  commands = 0;
  /** How many replies came. */
  replies = 0;
  #pending = new Queue<PendingCommand>();
  /** How many commands were too many to be remembered, after those that are. */
  #forgotten = 0;

  /** Shows `maxShown` characters of each text. */
  constructor(maxShown: number) {
    this.texts = new TraceTexts(maxShown);
  }

  /** The version of the conversation. */
  get minor(): number {
    return Math.min(this.offered ?? MAX_MINOR, this.serverMinor ?? 0);
  }

  /** The command whose reply comes next. */
  get running(): PendingCommand | undefined {
    return this.#pending.first;
  }

  /** The commands without a reply. */
  get pending(): Iterable<PendingCommand> {
    return this.#pending;
  }

  /** How many commands have no reply. */
  get unanswered(): number {
    return this.#pending.size + this.#forgotten;
  }

  /** Whether it is the server's turn. */
  get isServerOwed(): boolean {
    return this.handshakeOwed > 0 || this.unanswered > 0;
  }

  /** The server has answered in the handshake. */
  answerHandshake(isAccepted: boolean): void {
    this.handshakeOwed = isAccepted ? 0 : Math.max(0, this.handshakeOwed - 1);
    this.isAccepted ||= isAccepted;
  }

  /** The client has sent a command. */
  begin(name: string, args: readonly string[], hasInput: boolean): PendingCommand {
    const command: PendingCommand = {
      ...{ id: ++this.commands, name, hasInput, isInputOpen: hasInput },
      columns: columnNames(name, args, this.serverMinor === undefined ? 4 : this.minor),
      isSecret: hasSecretAnswer(name),
    };
    if (this.#pending.size === mostPending || this.#forgotten > 0) this.#forgotten++;
    else this.#pending.push(command);
    return command;
  }

  /** A reply has come; returns the command that it is for, if that is known. */
  answer(): PendingCommand | undefined {
    this.replies++;
    const answered = this.#pending.shift();
    if (answered === undefined && this.#forgotten > 0) this.#forgotten--;
    return answered;
  }
}

/** Whether a value of a command's reply is a secret. */
export function isSecretValue(
  command: PendingCommand | undefined,
  column: string | undefined,
): boolean {
  return command?.isSecret === true || (column !== undefined && isSecretName(column));
}
