/**
 * Options for a client's conversation.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import { checkOptions, shownValue } from "../option_checks.ts";
import { timeLimit } from "../time_limit.ts";
import type { CommandDefinition } from "./command_definition.ts";
import { checkLimitsObject, completeImapLimits, type ImapLimits } from "./limits.ts";
import type { PassThrough } from "./pass_through.ts";

/** Limits on the memory that a client can use. Each is a number above 0; `Infinity` is no limit. */
export interface ConversationLimits extends ImapLimits {
  /**
   * How many bytes a client may leave unread before its next commands wait, and before the running command is
   * told so; 65,536 if left out.
   */
  readonly output: number;
  /**
   * How many bytes a client may send in advance while its next command waits; 16,777,216 (16 MiB) if left
   * out. What sends more is disconnected. A caller that checks {@linkcode Conversation.mayRead} before each
   * read never reaches it.
   */
  readonly backlog: number;
}

/** Options for a {@linkcode Conversation}. Times are in milliseconds; 0 and `Infinity` mean no limit. */
export interface ConversationOptions {
  /** The custom commands. */
  readonly commands?: readonly CommandDefinition[];
  /** The server behind, for what isn't answered here; none if left out. */
  readonly passThrough?: PassThrough;
  /** Whether the transport is encrypted from the start. */
  readonly isSecure?: boolean;
  /** Whether STARTTLS is offered; `false` if left out. */
  readonly startTls?: boolean;
  /** Whether a password may be sent unencrypted; `true` if left out. If not, LOGINDISABLED says so. */
  readonly allowsPlaintext?: boolean;
  /** What ID answers; `{ name: "dovewire" }` if left out, NIL if it is empty. */
  readonly id?: Readonly<Record<string, string>>;
  /** How long a client may send nothing before its login; 3 minutes if left out. */
  readonly loginTimeout?: number;
  /** How long a client may send nothing after its login while nothing runs; 30 minutes if left out. */
  readonly idleTimeout?: number;
  /**
   * How often a client whose long-running command has nothing to say gets a keepalive; 2 minutes if left
   * out.
   */
  readonly keepaliveInterval?: number;
  /**
   * Shifts the keepalives: they are due when `(now + keepalivePhase) % keepaliveInterval` is 0, `now` being
   * what `handleTimeout()` gets; 0 if left out.
   */
  readonly keepalivePhase?: number;
  /** Limits that differ from the defaults. */
  readonly limits?: Partial<ConversationLimits>;
}

/** Throws a {@linkcode LocalProtocolError} for options of other types: "no" would count as true. */
export function checkConversationOptions(options: ConversationOptions): void {
  checkOptions(options, {
    objects: ["id"],
    booleans: ["isSecure", "startTls", "allowsPlaintext"],
  });
}

/** The limits where nothing else is given. */
const defaults = { output: 65_536, backlog: 16_777_216 };

/** Limits, complete and checked. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function completeLimits(limits: Partial<ConversationLimits> = {}): ConversationLimits {
  checkLimitsObject(limits);
  const { output = defaults.output, backlog = defaults.backlog } = limits;
  return { ...completeImapLimits(limits), output, backlog };
}

/**
 * The limits before the login: a client that nobody knows gets little, as with Dovecot.
 */
export function limitsBeforeLogin(limits: ConversationLimits): ImapLimits {
  return {
    ...limits,
    line: Math.min(limits.line, 8192),
    command: Math.min(limits.command, 16_384),
    swallow: Math.min(limits.swallow, 65_536),
  };
}

/** The times of a conversation, complete and checked; `Infinity` for no limit. */
export interface ConversationTimes {
  readonly loginTimeout: number;
  readonly idleTimeout: number;
  readonly keepaliveInterval: number;
  readonly keepalivePhase: number;
}

/** The times of the options. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function completeTimes(options: ConversationOptions): ConversationTimes {
  const { loginTimeout = 180_000, idleTimeout = 1_800_000, keepaliveInterval = 120_000 } = options;
  const { keepalivePhase = 0 } = options;
  checkPhase(keepalivePhase);
  return {
    loginTimeout: timeLimit("loginTimeout", loginTimeout),
    idleTimeout: timeLimit("idleTimeout", idleTimeout),
    keepaliveInterval: timeLimit("keepaliveInterval", keepaliveInterval),
    keepalivePhase,
  };
}

/** Checks a phase. Throws a {@linkcode LocalProtocolError} for what is no number of milliseconds. */
export function checkPhase(keepalivePhase: number): void {
  if (Number.isFinite(keepalivePhase)) return;
  throw new LocalProtocolError(
    `"keepalivePhase" is ${shownValue(keepalivePhase)}. Set it to a number of milliseconds.`,
  );
}
