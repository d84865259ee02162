/**
 * What a client keeps out of everything that it tells of its server.
 *
 * @module
 */

import { Concealer } from "../peer_text.ts";
import type { ResponseCode, ResponseText } from "./response_code.ts";

/** The codes of refusals (RFC 9051, 7.1; RFC 5530), in which a password like "auth" is no secret. */
const knownCodes: ReadonlySet<string> = new Set([
  ...["ALERT", "ALREADYEXISTS", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "BADCHARSET"],
  ...["CANNOT", "CLIENTBUG", "CONTACTADMIN", "CORRUPTION", "EXPIRED", "EXPUNGEISSUED"],
  ...["HASCHILDREN", "INUSE", "LIMIT", "METADATA", "NONEXISTENT", "NOPERM", "OVERQUOTA", "PARSE"],
  ...["PRIVACYREQUIRED", "SERVERBUG", "TEMPFAIL", "TOOBIG", "TRYCREATE", "UNAVAILABLE"],
]);

/** The passwords that a client has sent or will send: a server may repeat them. */
export class ClientSecrets {
  readonly #secrets: string[] = [];
  #concealer = new Concealer([]);

  /** Conceals those that are known so far. */
  get concealer(): Concealer {
    return this.#concealer;
  }

  /** Adds secrets. */
  add(...secrets: readonly string[]): void {
    // Names of responses and of codes are read in capital letters.
    this.#secrets.push(...secrets, ...secrets.map((secret) => secret.toUpperCase()));
    this.#concealer = new Concealer(this.#secrets);
  }

  /** A server's text without the secrets. */
  conceal(text: string): string {
    return this.#concealer.conceal(text);
  }

  /** The code and the text of a refusal without the secrets. */
  concealRefusal({ code, text }: ResponseText): ResponseText {
    return { code: code && this.#concealCode(code), text: this.conceal(text) };
  }

  #concealCode({ name, text }: ResponseCode): ResponseCode {
    return { name: knownCodes.has(name) ? name : this.conceal(name), text: this.conceal(text) };
  }
}
