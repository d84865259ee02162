/**
 * Who a client is, for those who answer its commands.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import type { StateArchive } from "../state_archive.ts";
import { advertisedCapabilities, ownCapabilities } from "./advertised.ts";
import type { CommandDefinition } from "./command_definition.ts";

/** What ID carries: names in small letters, and values, `undefined` for NIL. */
export type ClientFields = ReadonlyMap<string, string | undefined>;

/** Who a client is, at one moment. */
export interface ImapSession {
  /** The user's name; `undefined` before the login. */
  readonly user: string | undefined;
  /** The selected mailbox, as the client spelled it; `undefined` if there is none. */
  readonly mailbox: string | undefined;
  /** What the client last said by ID; `undefined` if nothing. */
  readonly clientId: ClientFields | undefined;
  /** What the server behind says by ID; `undefined` if nothing is known. */
  readonly serverId: ClientFields | undefined;
  /** The capabilities that hold now. */
  readonly capabilities: readonly string[];
  /** Whether the connection is encrypted. */
  readonly isSecure: boolean;
}

/** Checks a user's name. Throws a {@linkcode LocalProtocolError} for one that nobody has. */
export function checkUser(user: string): void {
  if (typeof user === "string" && user !== "") return;
  const given = typeof user === "string" ? "empty" : `a ${typeof user}`;
  throw new LocalProtocolError(`The user's name is ${given}. Give a text.`);
}

/** Options for a {@linkcode ClientSession}. */
export interface ClientSessionOptions {
  /** The custom commands. */
  readonly commands: Iterable<CommandDefinition>;
  /** Whether the transport is encrypted from the start. */
  readonly isSecure: boolean;
  /** Whether STARTTLS is offered. */
  readonly startTls: boolean;
  /** Whether a password may be sent unencrypted. */
  readonly allowsPlaintext: boolean;
}

/** What a conversation knows of its client, as it changes. */
export class ClientSession {
  /** The user's name; `undefined` before the login. */
  user: string | undefined;
  /** The selected mailbox. */
  mailbox: string | undefined;
  /** What the client last said by ID. */
  clientId: ClientFields | undefined;
  /** What the server behind says by ID. */
  serverId: ClientFields | undefined;
  /** Whether the client has asked for the capabilities, so that it may not read the code that has them. */
  hasAskedCapabilities = false;
  readonly #options: ClientSessionOptions;
  #isSecure: boolean;
  /** The capabilities of the server behind, as one text: a list takes four times the memory. */
  #serverCapabilities = ownCapabilities.join(" ");

  /** Creates the session of an unknown client. */
  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.#isSecure = options.isSecure;
  }

  /** Whether the connection is encrypted. */
  get isSecure(): boolean {
    return this.#isSecure;
  }

  /** Whether the client can ask for TLS. */
  get canStartTls(): boolean {
    return this.#options.startTls && !this.#isSecure;
  }

  /** Whether the client may send a password. */
  get canLogIn(): boolean {
    return this.#isSecure || this.#options.allowsPlaintext;
  }

  /** The capabilities of the server behind. */
  get serverCapabilities(): readonly string[] {
    return this.#serverCapabilities.split(" ").filter((word) => word !== "");
  }

  /** Sets the capabilities of the server behind. */
  set serverCapabilities(capabilities: readonly string[]) {
    this.#serverCapabilities = capabilities.join(" ");
  }

  /** The capabilities that hold now. */
  get capabilities(): string[] {
    return advertisedCapabilities(this.serverCapabilities, this.#options.commands, {
      isLoggedIn: this.user !== undefined,
      canStartTls: this.canStartTls,
      canLogIn: this.canLogIn,
    });
  }

  /** Notes that the connection is encrypted from here on, and forgets what was said before. */
  secured(): void {
    this.#isSecure = true;
    this.clientId = undefined;
    this.hasAskedCapabilities = false;
  }

  /** Passes what is known through an archive. */
  archive(state: StateArchive): void {
    this.user = state.value(this.user);
    this.mailbox = state.value(this.mailbox);
    this.clientId = state.value(this.clientId);
    this.serverId = state.value(this.serverId);
    this.#serverCapabilities = state.value(this.#serverCapabilities);
    this.hasAskedCapabilities = state.value(this.hasAskedCapabilities);
    this.#isSecure = state.value(this.#isSecure);
  }

  /** What others may know. */
  snapshot(): ImapSession {
    const { user, mailbox, clientId, serverId, capabilities, isSecure } = this;
    return { user, mailbox, clientId, serverId, capabilities, isSecure };
  }
}
