/**
 * A connection of a pool, and what it was used for.
 *
 * @module
 */

import {
  type ConnectionKind,
  type DovecotVersion,
  versionOf,
} from "../../../core/doveadm/catalogue/mod.ts";
import type { DoveadmConnection } from "../connection.ts";

/** A connection of a pool. */
export class PooledConnection {
  /** Its number. */
  readonly number: number;
  /**
   * "opening" until there is a connection; "idle" and "running" without and with a command; "closed" from
   * the moment on at which it takes no more.
   */
  state: "opening" | "idle" | "running" | "closed" = "opening";
  /** What it is used for; while it is being opened, what it is opened for; "fresh" if it is unused. */
  kind: ConnectionKind;
  /** When its opening began; then, when it was open. */
  openedAt: number;
  /** When it is too old. */
  oldAt = Infinity;
  /** When its last command was over. */
  idleSince = 0;
  /** How many commands it had, and how many of these acted on mail. */
  commands = 0;
  mailCommands = 0;
  /** Whether the server has answered a command on it. */
  hasAnswered = false;
  /** Removes it from the idle ones. */
  leaveIdle: (() => boolean) | undefined;
  #connection: DoveadmConnection | undefined;

  /** Creates one that is being opened. */
  constructor(number: number, kind: ConnectionKind, now: number) {
    this.number = number;
    this.kind = kind;
    this.openedAt = now;
  }

  /** The connection, when it is open. */
  get connection(): DoveadmConnection {
    return this.#connection!;
  }

  /** Sets the connection. */
  set connection(connection: DoveadmConnection) {
    this.#connection = connection;
  }

  /** The version of its server. */
  get version(): DovecotVersion {
    return versionOf(this.connection.minor);
  }

  /** Whether it can take a command of that kind next. */
  suits(kind: ConnectionKind): boolean {
    return this.commands === 0 || this.kind === kind && kind !== "fresh" ||
      this.kind === "plain" && kind === "mail";
  }
}
