/**
 * The capabilities that a conversation lists.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import { quoteText } from "../peer_text.ts";
import { rewriteCapabilities } from "./capability.ts";
import type { CommandDefinition } from "./command_definition.ts";
import { isAtom } from "./syntax.ts";

/** The capabilities of a server without an upstream server. */
export const ownCapabilities: readonly string[] = ["IMAP4rev1", "ID", "ENABLE", "IDLE", "LITERAL+"];

/** What the list depends on. */
export interface AdvertisedState {
  /** Whether the client is logged in. */
  readonly isLoggedIn: boolean;
  /** Whether the client can ask for TLS now. */
  readonly canStartTls: boolean;
  /** Whether the client may send a password now. */
  readonly canLogIn: boolean;
}

/**
 * The list for a client: the server's capabilities, with those of the login replaced by what holds here, and
 * those of the custom commands added.
 */
export function advertisedCapabilities(
  server: readonly string[],
  commands: Iterable<CommandDefinition>,
  { isLoggedIn, canStartTls, canLogIn }: AdvertisedState,
): string[] {
  const adds: string[] = [];
  if (!isLoggedIn) {
    if (canStartTls) adds.push("STARTTLS");
    if (canLogIn) adds.push("SASL-IR", "AUTH=PLAIN", "AUTH=LOGIN");
    else adds.push("LOGINDISABLED");
  }
  for (const { capability, advertised } of commands) {
    if (capability !== undefined && (isLoggedIn || advertised === "always")) adds.push(capability);
  }
  return rewriteCapabilities(server, { removes: (word) => isOfLogin(word, isLoggedIn), adds });
}

/** Checks a server's capabilities. Throws a {@linkcode LocalProtocolError} for what can't be listed. */
export function checkCapabilities(capabilities: readonly string[]): void {
  if (Array.isArray(capabilities) && capabilities.every(isAtom)) return;
  throw new LocalProtocolError(
    `${quoteText(String(capabilities))} is no list of capabilities. Give an array of words.`,
  );
}

/** Whether a capability is about the login. SASL-IR stays in the list afterwards, as with Dovecot. */
function isOfLogin(capability: string, isLoggedIn: boolean): boolean {
  if (/^SASL-IR$/i.test(capability)) return !isLoggedIn;
  return /^(STARTTLS|LOGINDISABLED|LOGIN-REFERRALS|AUTH=.*)$/i.test(capability);
}
