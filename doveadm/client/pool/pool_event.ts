/**
 * What a client tells about its connections and calls.
 *
 * @module
 */

import type { ConnectionKind } from "../../../core/doveadm/catalogue/mod.ts";

/**
 * Why a connection was closed.
 *
 * - "used": it had a command after which it takes no other: one that needs a fresh connection, or a mail
 *   command at a server that takes one a connection.
 * - "idle": it was idle for `idleTimeout`.
 * - "old": it was open for `maxLifetime`.
 * - "room": commands of another kind waited, and there were `maxConnections`.
 * - "aborted": a command on it was aborted or took too long, or a stream was left early. The protocol has
 *   no other way to cancel a command.
 * - "lost": the server closed it, or broke the protocol.
 * - "client": the client was closed.
 */
export type CloseReason = "used" | "idle" | "old" | "room" | "aborted" | "lost" | "client";

/**
 * Why a command is sent again.
 *
 * - "unsent": its connection ended before it was sent.
 * - "idempotent": its connection ended before the answer, and its options allow to repeat it.
 * - "refused": the server didn't run it: it takes one mail command a connection.
 */
export type RetryReason = "unsent" | "idempotent" | "refused";

/** What all events have. */
export interface PoolEventBase {
  /** The server, for messages. */
  readonly peer: string;
}

/** What events about a connection have. */
export interface PoolConnectionEvent extends PoolEventBase {
  /** The connection's number; each server's first is 1. */
  readonly connection: number;
  /** What it is used for; "fresh" for one that had no command yet. */
  readonly kind: ConnectionKind;
}

/** What events about a call have. Its arguments are left out, since they may be secret. */
export interface PoolCallEvent extends PoolEventBase {
  /** The call's number; each server's first is 1. A call for many users counts for each of them. */
  readonly call: number;
  /** The command's name. */
  readonly command: string;
  /** The user whose mail it acts on, if it is a single one. */
  readonly user: string | undefined;
  /** The kind of connection that it needs. */
  readonly kind: ConnectionKind;
}

/** A connection is open, and the server has accepted the password. */
export interface OpenedEvent extends PoolConnectionEvent {
  /** Tells which event it is. */
  readonly type: "opened";
  /** The minor version of the server's protocol, by which `versionOf` of the catalogue knows Dovecot's. */
  readonly minor: number;
  /** How long that took, in milliseconds. */
  readonly took: number;
}

/** A connection could not be opened. */
export interface OpenFailedEvent extends PoolConnectionEvent {
  /** Tells which event it is. */
  readonly type: "open-failed";
  /** How long that took, in milliseconds. */
  readonly took: number;
  /** Why. */
  readonly error: unknown;
  /** How many in a row failed, this one included. */
  readonly failures: number;
  /** In how many milliseconds the next one is opened, if commands wait then. */
  readonly retryIn: number;
}

/** A connection was closed. */
export interface ClosedEvent extends PoolConnectionEvent {
  /** Tells which event it is. */
  readonly type: "closed";
  /** Why. */
  readonly reason: CloseReason;
  /** How long it was open, in milliseconds. */
  readonly age: number;
  /** How many commands it had. */
  readonly commands: number;
}

/** A command was called. It is sent at once if a connection is free. */
export interface QueuedEvent extends PoolCallEvent {
  /** Tells which event it is. */
  readonly type: "queued";
  /** How many commands wait already. */
  readonly waiting: number;
}

/** A command is being sent. */
export interface StartedEvent extends PoolCallEvent {
  /** Tells which event it is. */
  readonly type: "started";
  /** The connection's number. */
  readonly connection: number;
  /** How long the call waited, in milliseconds; earlier attempts included. */
  readonly waited: number;
}

/** A command that failed will be sent again; "started" follows. */
export interface RetriedEvent extends PoolCallEvent {
  /** Tells which event it is. */
  readonly type: "retried";
  /** How many times it was tried. */
  readonly attempts: number;
  /** Why it may be sent again. */
  readonly reason: RetryReason;
  /** The error of the last attempt. */
  readonly error: unknown;
}

/** A call is over: it was answered, or failed. Each has one, even if it was never sent. */
export interface EndedEvent extends PoolCallEvent {
  /** Tells which event it is. */
  readonly type: "ended";
  /** The number of the connection of the last attempt; `undefined` if there was none. */
  readonly connection: number | undefined;
  /** How long the call waited, in milliseconds; earlier attempts included. */
  readonly waited: number;
  /** How long the last attempt took, in milliseconds. */
  readonly ran: number;
  /** The error that the call was rejected with; `undefined` if it succeeded. */
  readonly error: unknown;
}

/**
 * The server refused the second mail command of a connection, and gets one a connection from here on. A
 * Dovecot 2.3 with `doveadm_port` does that unless the mail user may use the listener `auth-userdb`.
 */
export interface OneMailCommandEvent extends PoolEventBase {
  /** Tells which event it is. */
  readonly type: "one-mail-command";
}

/** What events about the servers of a cluster have; `peer` is the server that they begin with. */
export interface ClusterCallEvent extends PoolEventBase {
  /** The command's name. */
  readonly command: string;
  /** The user whose mail it acts on, if it is a single one. */
  readonly user: string | undefined;
  /** The server that is asked next, for messages. */
  readonly to: string;
}

/** The server of a user was found; it is remembered for a while. */
export interface RoutedEvent extends PoolEventBase {
  /** Tells which event it is. */
  readonly type: "routed";
  /** The user. */
  readonly user: string;
  /** Who said so: the `route` function, or the user database. */
  readonly by: "function" | "userdb";
}

/** A server named another one that has the user, which is asked now and remembered for a while. */
export interface ReferredEvent extends ClusterCallEvent {
  /** Tells which event it is. */
  readonly type: "referred";
  /** The user's name at that server. */
  readonly userThere: string;
  /** How many referrals this call has followed, this one included. */
  readonly referrals: number;
}

/** A server could not be reached, or its connection was lost, and another one is asked. */
export interface FailedOverEvent extends ClusterCallEvent {
  /** Tells which event it is. */
  readonly type: "failed-over";
  /** Why. Its `sent` says whether the command may have run, and will run twice. */
  readonly error: unknown;
}

/** An event of a cluster's servers. */
export type ClusterEvent = RoutedEvent | ReferredEvent | FailedOverEvent;

/** An event of a client's connections and calls, and of a cluster's servers. */
export type PoolEvent =
  | OpenedEvent
  | OpenFailedEvent
  | ClosedEvent
  | QueuedEvent
  | StartedEvent
  | RetriedEvent
  | EndedEvent
  | OneMailCommandEvent
  | ClusterEvent;
