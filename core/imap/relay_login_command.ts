/**
 * A relay's own login at the upstream server.
 *
 * @module
 */

import { concat, encodeUtf8 } from "../bytes.ts";
import type { LoginEvent } from "./conversation_events.ts";
import { astring } from "./syntax.ts";

/**
 * The longest login command that is sent in one line. Dovecot's login process reads no longer ones than 1,024
 * bytes; a response to AUTHENTICATE in a line of its own may have 8,192.
 */
const longestLine = 900;

/** How to log in at a server. */
export interface LoginCommand {
  /**
   * The command's bytes: the first piece at once, each other one after a continuation. They contain the
   * password.
   */
  readonly pieces: readonly Uint8Array[];
  /** Who is logged in if the server accepts it. */
  readonly user: string;
}

/**
 * Writes a client's login anew, with quotes or literals of its own, so that the server can read nothing else in
 * it than the relay did. `undefined` if the server offers no way to log in with a password.
 *
 * The same command as the client's if the server takes it, else the other one.
 */
export function loginCommand(
  tag: string,
  login: Pick<LoginEvent, "mechanism" | "user" | "password" | "authzid">,
  capabilities: readonly string[],
): LoginCommand | undefined {
  const { mechanism, user, password, authzid } = login;
  const offered = new Set(capabilities.map((word) => word.toUpperCase()));
  const takesPlain = offered.has("AUTH=PLAIN");
  const takesLogin = !offered.has("LOGINDISABLED") && authzid === "";
  const written = takesLogin ? loginPieces(tag, user, password) : undefined;
  const isShort = written !== undefined && written.every(({ length }) => length <= longestLine);
  if (written !== undefined && (!takesPlain || (mechanism === "LOGIN" && isShort))) {
    return { pieces: written, user };
  }
  if (!takesPlain) return undefined;
  const response = base64(encodeUtf8(`${authzid}\0${user}\0${password}`));
  const command = `${tag} AUTHENTICATE PLAIN`;
  const isOneLine = offered.has("SASL-IR") && response.length <= longestLine;
  return {
    pieces: (isOneLine ? [`${command} ${response}\r\n`] : [`${command}\r\n`, `${response}\r\n`])
      .map(encodeUtf8),
    user: authzid === "" ? user : authzid,
  };
}

/** The pieces of a LOGIN: its literals are synchronising ones. */
function loginPieces(tag: string, user: string, password: string): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let line = encodeUtf8(`${tag} LOGIN`);
  for (const written of [astring(user), astring(password)]) {
    if (written.type === "text") {
      line = concat([line, encodeUtf8(" "), written.bytes]);
      continue;
    }
    pieces.push(concat([line, encodeUtf8(` {${written.bytes.length}}\r\n`)]));
    line = written.bytes;
  }
  return [...pieces, concat([line, encodeUtf8("\r\n")])];
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
