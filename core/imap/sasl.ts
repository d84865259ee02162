/**
 * The server side of the SASL mechanisms PLAIN (RFC 4616) and LOGIN.
 *
 * @module
 */

import { decodeUtf8Strictly } from "../bytes.ts";

/** Who logs in, with what password. */
export interface Credentials {
  /** The name whose password it is. */
  readonly user: string;
  /** The password. */
  readonly password: string;
  /** The name to log in as, if it is another one; "" otherwise. */
  readonly authzid: string;
}

/** What a mechanism does with a response. */
export type SaslStep =
  /** It asks for another response; the text is sent as base64. */
  | { readonly type: "challenge"; readonly text: string }
  /** It is done. */
  | { readonly type: "credentials"; readonly credentials: Credentials }
  /** The response can't be right. */
  | { readonly type: "failed" };

/** A mechanism in the middle of its exchange. */
export interface SaslMechanism {
  /** Takes the client's next response, without base64; `undefined` before the first one, if there is none yet. */
  next(response: Uint8Array | undefined): SaslStep;
}

const failed: SaslStep = { type: "failed" };

/** Starts a mechanism by its name, in any case; `undefined` for one that there isn't. */
export function startMechanism(name: string): SaslMechanism | undefined {
  switch (name.toUpperCase()) {
    case "PLAIN":
      return { next: plainStep };
    case "LOGIN":
      return new LoginMechanism();
  }
}

function plainStep(response: Uint8Array | undefined): SaslStep {
  if (response === undefined) return { type: "challenge", text: "" };
  const fields = decodeUtf8Strictly(response)?.split("\0");
  if (fields?.length !== 3) return failed;
  const [authzid, user, password] = fields;
  return {
    type: "credentials",
    credentials: { user, password, authzid: authzid === user ? "" : authzid },
  };
}

/** LOGIN: asks for the name, and then for the password. An initial response is the name. */
class LoginMechanism implements SaslMechanism {
  #user: string | undefined;

  next(response: Uint8Array | undefined): SaslStep {
    if (response === undefined) return { type: "challenge", text: "Username:" };
    const text = decodeUtf8Strictly(response);
    if (text === undefined || text.includes("\0")) return failed;
    if (this.#user === undefined) {
      this.#user = text;
      return { type: "challenge", text: "Password:" };
    }
    return {
      type: "credentials",
      credentials: { user: this.#user, password: text, authzid: "" },
    };
  }
}

/** The bytes of base64; `undefined` where it is not exactly that: padded, and without spaces. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
