/**
 * A mail system in memory: users, their namespaces, mailboxes, subscriptions and quota.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import { checkOptions } from "../core/option_checks.ts";
import type { MailboxState, NewMail } from "./mailbox.ts";
import type { Namespace } from "./mailboxes/names.ts";
import { MailUser } from "./mail_user.ts";
import { checkRecord } from "./state_checks.ts";

export { MailUser } from "./mail_user.ts";

/** A namespace that every user has. */
export interface NamespaceOptions {
  /** The prefix of its mailboxes' names, with the separator at its end; "" if left out. */
  readonly prefix?: string;
  /** The character between the levels of a name; "/" if left out. */
  readonly separator?: string;
  /** Whether it has INBOX; if left out, only the first namespace has. */
  readonly inbox?: boolean;
}

/** A user of the mail system. */
export interface UserState {
  /** Mailboxes by name, with the mails in them: each a message, or a message with its metadata. */
  readonly mailboxes?: Readonly<
    Record<string, MailboxState | readonly (string | Uint8Array | NewMail)[]>
  >;
  /** The limits for all messages together; no limit if left out. */
  readonly quota?: QuotaOptions;
  /** More fields of the user database: home, uid, gid, mail … */
  readonly fields?: Readonly<Record<string, string>>;
}

/** A user's quota. */
export interface QuotaOptions {
  /** The quota's name; "User quota" if left out. */
  readonly name?: string;
  /** How many bytes all messages may have together; no limit if left out, 0 or `Infinity`. */
  readonly bytes?: number;
  /** How many messages there may be; no limit if left out, 0 or `Infinity`. */
  readonly messages?: number;
}

/** A login of a user, as "who" shows it. */
export interface Session {
  /** The user's name. */
  readonly username: string;
  /** The service: "imap", "pop3" … */
  readonly service: string;
  /** The id of the process that serves it, which may serve other logins, too. */
  readonly pid: number;
  /** The client's address: "192.0.2.1", "2001:db8::1"; none if left out. */
  readonly ip?: string;
}

/** Options for a {@linkcode MailSystem}. */
export interface MailSystemOptions {
  /** The users by name. */
  readonly users?: Readonly<Record<string, UserState>>;
  /** The namespaces; one without a prefix if left out. */
  readonly namespaces?: readonly NamespaceOptions[];
}

/**
 * A mail system in memory.
 *
 * @example
 * ```ts
 * import { MailSystem } from "@dovewire/dovewire/testing";
 *
 * const system = new MailSystem({
 *   users: { alice: { mailboxes: { INBOX: ["Subject: Hi\n\nHello.\n"], Sent: [] } } },
 * });
 * console.assert(system.users.get("alice")?.mailboxes.get("INBOX")?.mails.length === 1);
 * ```
 */
export class MailSystem {
  /** The logins, oldest first; tests add those that "who" is to show. */
  readonly sessions: Session[] = [];
  /** The namespaces that every user has, in the order in which they were given. */
  readonly namespaces: readonly Namespace[];
  readonly #users = new Map<string, MailUser>();

  /** Creates one; throws a `LocalProtocolError` for invalid namespaces, users or mailboxes. */
  constructor(options: MailSystemOptions = {}) {
    checkOptions(options, { arrays: ["namespaces"] });
    checkRecord('"users"', options.users);
    this.namespaces = namespacesOf(options.namespaces ?? [{}]);
    for (const [name, state] of Object.entries(options.users ?? {})) this.addUser(name, state);
  }

  /** The users by name, in the order in which they were given. */
  get users(): ReadonlyMap<string, MailUser> {
    return this.#users;
  }

  /** The user of a name, or of the name in lower case if there is none. */
  findUser(name: string): MailUser | undefined {
    return this.#users.get(name) ?? this.#users.get(name.toLowerCase());
  }

  /** Adds a user, or replaces the one with that name. */
  addUser(name: string, state: UserState = {}): MailUser {
    const user = new MailUser(name, state, this.namespaces);
    this.#users.set(name, user);
    return user;
  }

  /** Removes a user; returns whether there was one. */
  removeUser(name: string): boolean {
    return this.#users.delete(name);
  }
}

function namespacesOf(options: readonly NamespaceOptions[]): readonly Namespace[] {
  for (const namespace of options) {
    checkOptions(namespace, { texts: ["prefix", "separator"], booleans: ["inbox"] });
  }
  const inboxAt = Math.max(0, options.findIndex(({ inbox }) => inbox === true));
  const namespaces = options.map(({ prefix = "", separator = "/" }, at) => {
    if (separator.length !== 1) {
      throw new LocalProtocolError(
        `A namespace's separator is ${JSON.stringify(separator)}. Give one character, like "/".`,
      );
    }
    if (prefix !== "" && (prefix.startsWith(separator) || !prefix.endsWith(separator))) {
      throw new LocalProtocolError(
        `A namespace's prefix is ${JSON.stringify(prefix)}. Let it end, but not begin, with the ` +
          `separator ${JSON.stringify(separator)}.`,
      );
    }
    return { prefix, separator, inbox: at === inboxAt };
  });
  if (new Set(namespaces.map(({ separator }) => separator)).size > 1) {
    throw new LocalProtocolError(
      "The namespaces have different separators, which Dovecot doesn't allow. Give all the same one.",
    );
  }
  const prefixes = new Set(namespaces.map(({ prefix }) => prefix));
  if (prefixes.size < namespaces.length || namespaces.length === 0) {
    throw new LocalProtocolError(
      "Two namespaces have the same prefix, or there is no namespace. Give each a prefix of its own.",
    );
  }
  return namespaces;
}
