/**
 * The options and the events of a relay.
 *
 * @module
 */

import type { ConversationEvent, LoginEvent, LoginMechanism } from "./conversation_events.ts";
import type { ConversationOptions } from "./conversation_options.ts";

/** Options for an {@linkcode ImapRelayProtocol}. Times are in milliseconds; 0 and `Infinity` mean no limit. */
export interface ImapRelayProtocolOptions extends Omit<ConversationOptions, "passThrough" | "id"> {
  /**
   * What the relay says to the server by ID, before the login: for Dovecot, of which the relay's address is in
   * `login_trusted_networks`, "x-originating-ip" and so on. Nothing is said if it is left out.
   */
  readonly upstreamId?: Readonly<Record<string, string>>;
  /** Whether the connection to the server is encrypted by STARTTLS, which the server must offer then. */
  readonly upstreamStartTls?: boolean;
  /**
   * How many commands of a client the server may have to answer at a time; further ones wait. 100 if left
   * out.
   */
  readonly maxOpenCommands?: number;
}

/**
 * Bytes, or the end, of one side concern the other: write the other side's output, and ask for its events.
 */
export interface RelayOutputEvent {
  /** What kind of event it is. */
  readonly type: "output";
}

/** Events on the client's side of a relay. */
export type ImapRelayClientEvent =
  | Exclude<ConversationEvent, LoginEvent>
  | RelayOutputEvent;

/** Who logged in, or tried to. */
export interface RelayLogin {
  /** Its id, for {@linkcode ImapRelayProtocol.acceptLogin} and {@linkcode ImapRelayProtocol.refuseLogin}. */
  readonly id: number;
  /** The user's name, as the relay sent it to the server: of PLAIN's two names the one that counts. */
  readonly user: string;
  /** How the client asked for it. */
  readonly mechanism: LoginMechanism;
  /** Whether the client's connection is encrypted. */
  readonly isSecure: boolean;
}

/** How a client is let in. */
export interface RelayAcceptance {
  /** The user's name for the custom commands, if that isn't the one that the server was told. */
  readonly user?: string;
  /** The phase of the client's keepalives from here on, as in {@linkcode ImapRelayProtocolOptions}. */
  readonly keepalivePhase?: number;
}

/** The server accepted a client's login: go on with `acceptLogin()` or `refuseLogin()`. */
export interface RelayLoggedInEvent extends RelayLogin {
  /** What kind of event it is. */
  readonly type: "logged-in";
}

/** The server refused a client's login: pass it on, at once or later, with `refuseLogin()`. */
export interface RelayRefusedEvent extends RelayLogin {
  /** What kind of event it is. */
  readonly type: "login-refused";
  /** The server's response code, like "AUTHENTICATIONFAILED"; `undefined` if it gave none. */
  readonly code: string | undefined;
  /** The server's text, without the password if it repeats that. */
  readonly text: string;
}

/** Events on the server's side of a relay. */
export type ImapRelayUpstreamEvent =
  /** Write the output, encrypt the transport, then call `tlsStarted()`. */
  | { readonly type: "start-tls" }
  /** Write the output and half-close the transport: the client sends no more. */
  | { readonly type: "close-write" }
  /**
   * The server doesn't trust what the relay says of the client by ID: `text` is its answer. The relay's address
   * may be missing in `login_trusted_networks`. Dovecot before 2.4 doesn't tell.
   */
  | { readonly type: "untrusted"; readonly text: string }
  | RelayLoggedInEvent
  | RelayRefusedEvent
  | RelayOutputEvent
  /** The conversation is over: write the output and close the transport. */
  | { readonly type: "end" };
