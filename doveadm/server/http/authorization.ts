/**
 * Checks who makes a request.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8, LocalProtocolError, sameSecret } from "../../../core/mod.ts";
import { type CheckLogin, type Login, passwordCheck, programCheck } from "../login.ts";
import type { HttpHandlerOptions } from "./options.ts";

/** The longest header that is looked at, in characters. */
const longestHeader = 8192;

/** Checks the credentials of requests. */
export class Authorization {
  /** The schemes that clients may use, for the header WWW-Authenticate. */
  readonly challenges: readonly string[];
  readonly #password: CheckLogin | undefined;
  readonly #key: CheckLogin | undefined;

  /** Throws a `LocalProtocolError` if nobody could log in. */
  constructor(options: HttpHandlerOptions<never>, onError: (error: unknown) => void) {
    const { username = "doveadm", password, apiKey, authenticate } = options;
    if (authenticate !== undefined && (password ?? apiKey) !== undefined) {
      throw new LocalProtocolError(
        'Besides "authenticate" there is "password" or "apiKey". Leave one of them out.',
      );
    }
    for (const [name, secret] of Object.entries({ password, apiKey })) {
      if (secret !== undefined && (typeof secret !== "string" || secret === "")) {
        throw new LocalProtocolError(`"${name}" is empty. Set it to a secret, or leave it out.`);
      }
    }
    if (authenticate !== undefined) {
      this.#password = this.#key = programCheck(authenticate, onError);
    } else {
      this.#password = password === undefined ? undefined : passwordCheck(username, password);
      this.#key = apiKey === undefined ? undefined : keyCheck(username, apiKey);
    }
    this.challenges = [
      ...(this.#key === undefined ? [] : ["X-Dovecot-API"]),
      ...(this.#password === undefined ? [] : ['Basic Realm="doveadm"']),
    ];
    if (this.challenges.length === 0) {
      throw new LocalProtocolError(
        'There is no "password", "apiKey" or "authenticate", so that nobody could log in. Set one.',
      );
    }
  }

  /** The client's name, or why it is refused. */
  async check(headers: Headers): Promise<Login> {
    const header = headers.get("authorization");
    if (header === null) return { refusal: "it sent no credentials" };
    const [, scheme, data] = /^([!-~]+) +([A-Za-z0-9+/]+={0,2}) *$/.exec(
      header.length > longestHeader ? "" : header,
    ) ?? [];
    const text = data === undefined ? undefined : decoded(data);
    if (text === undefined) return { refusal: "its credentials are invalid" };
    switch (scheme.toLowerCase()) {
      case "basic":
        return await this.#checkPassword(text);
      case "x-dovecot-api":
        return await this.#key?.("", text) ?? { refusal: "there is no API key" };
    }
    return { refusal: "it used another scheme than Basic and X-Dovecot-API" };
  }

  async #checkPassword(text: string): Promise<Login> {
    const colon = text.indexOf(":");
    if (colon === -1) return { refusal: "its credentials are invalid" };
    const [name, password] = [text.slice(0, colon), text.slice(colon + 1)];
    return await this.#password?.(name, password) ?? { refusal: "there is no password" };
  }
}

/** Checks keys; a client with the right one gets the name. */
function keyCheck(username: string, rightKey: string): CheckLogin {
  const secret = encodeUtf8(rightKey);
  return (_, key) =>
    sameSecret(encodeUtf8(key), secret) ? { username } : { refusal: "the API key is wrong" };
}

/** The text of UTF-8 in base64; `undefined` for invalid base64. */
function decoded(data: string): string | undefined {
  try {
    return decodeUtf8(Uint8Array.from(atob(data), (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}
