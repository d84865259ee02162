/**
 * What a client sends to log in.
 *
 * Source: RFC 9051, 6.2.2 and 6.2.3; texts as Dovecot's.
 *
 * @module
 */

import { decodeUtf8 } from "../bytes.ts";
import type { LoginMechanism, TaggedResult } from "./conversation_events.ts";
import { type Credentials, decodeBase64, type SaslMechanism, startMechanism } from "./sasl.ts";
import { astringOf, type ImapValue } from "./value.ts";

/** What follows what the client sent. */
export type LoginStep =
  /** It is known who logs in. */
  | {
    readonly type: "credentials";
    readonly mechanism: LoginMechanism;
    readonly credentials: Credentials;
  }
  /** The client is asked for a line, with this text after the `+`. */
  | { readonly type: "challenge"; readonly text: string }
  /** The login has failed. */
  | { readonly type: "failed"; readonly result: TaggedResult };

/** How many bytes a line of AUTHENTICATE may have, as in Dovecot. */
export const responseLimit = 8192;

/** The result of a login with a wrong user or password. */
export const authenticationFailed: TaggedResult = {
  status: "NO",
  code: "AUTHENTICATIONFAILED",
  text: "Authentication failed.",
};

/** One login after the other, up to where it is known who it is and with what password. */
export class LoginDialogue {
  #mechanism: SaslMechanism | undefined;
  #name: LoginMechanism = "LOGIN";

  /** Takes the arguments of LOGIN; returns `undefined` for wrong ones. */
  login(args: readonly ImapValue[]): LoginStep | undefined {
    const [user, password] = args.map(astringOf);
    if (args.length !== 2 || args.some(({ type }) => type === "list")) return undefined;
    if (user === undefined || password === undefined) return fail(authenticationFailed);
    return known("LOGIN", { user, password, authzid: "" });
  }

  /** Takes the arguments of AUTHENTICATE; returns `undefined` for wrong ones. */
  authenticate(args: readonly ImapValue[]): LoginStep | undefined {
    const [name, initial] = args.map((arg) => arg.type === "atom" ? arg.text : undefined);
    if (name === undefined || args.length > 2) return undefined;
    this.#mechanism = startMechanism(name);
    if (this.#mechanism === undefined) {
      return fail({ status: "NO", code: "ALERT", text: "Unsupported authentication mechanism." });
    }
    this.#name = `AUTHENTICATE ${name.toUpperCase()}` as LoginMechanism;
    if (args.length === 1) return this.#next(undefined);
    const response = initial === undefined
      ? undefined
      : decodeBase64(initial === "=" ? "" : initial);
    if (response !== undefined) return this.#next(response);
    return fail({ status: "BAD", text: "Invalid base64 data in initial response" });
  }

  /** Takes the line that a challenge asked for. */
  respond(line: { readonly bytes: Uint8Array; readonly isTooLong: boolean }): LoginStep {
    const text = decodeUtf8(line.bytes);
    if (text === "*") return fail({ status: "BAD", text: "Authentication aborted by client." });
    if (line.isTooLong) {
      return fail({ status: "NO", code: "ALERT", text: "The response is too long." });
    }
    const response = decodeBase64(text);
    if (response !== undefined) return this.#next(response);
    return fail({ status: "NO", code: "ALERT", text: "Invalid base64 in response" });
  }

  #next(response: Uint8Array | undefined): LoginStep {
    const step = this.#mechanism!.next(response);
    if (step.type === "challenge") return { type: "challenge", text: btoa(step.text) };
    if (step.type === "failed") return fail(authenticationFailed);
    return known(this.#name, step.credentials);
  }
}

function fail(result: TaggedResult): LoginStep {
  return { type: "failed", result };
}

/**
 * A user's name isn't empty and has no control characters, and a password has no NUL: nobody's is so, and others
 * would read them differently.
 */
function known(mechanism: LoginMechanism, credentials: Credentials): LoginStep {
  const { user, authzid, password } = credentials;
  // deno-lint-ignore no-control-regex
  if (user === "" || /[\0-\x1f\x7f]/.test(user + authzid) || password.includes("\0")) {
    return fail(authenticationFailed);
  }
  return { type: "credentials", mechanism, credentials };
}
