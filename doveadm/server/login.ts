/**
 * Who may log in.
 *
 * @module
 */

import { encodeUtf8, LocalProtocolError, quoteText, sameSecret } from "../../core/mod.ts";

/** Decides who may log in. */
export type Authenticate = (
  username: string,
  password: string,
) => string | undefined | Promise<string | undefined>;

/** What became of a login: the name that the client gets, or why it was refused. */
export type Login = { readonly username: string } | { readonly refusal: string };

/** Checks a login. */
export type CheckLogin = (username: string, password: string) => Login | Promise<Login>;

/** Checks logins against the one name and password that are right. */
export function passwordCheck(rightName: string, rightPassword: string): CheckLogin {
  const secret = encodeUtf8(rightPassword);
  return (username, password) => {
    // The password is compared in any case, so that the time tells nothing about the name.
    const isRight = sameSecret(encodeUtf8(password), secret);
    if (username !== rightName) {
      return { refusal: `there is no ${quoteText(username)} to log in as` };
    }
    return isRight ? { username } : { refusal: "the password is wrong" };
  };
}

/** Checks logins with a function of the program's; `onError` gets what it throws, and nobody is let in. */
export function programCheck(
  authenticate: Authenticate,
  onError: (error: unknown) => void,
): CheckLogin {
  return async (username, password) => {
    try {
      const name = await authenticate(username, password);
      if (typeof name === "string") return { username: name };
      if (name !== undefined) {
        throw new LocalProtocolError(
          `"authenticate" returned a ${typeof name}. Return the client's name, or undefined.`,
        );
      }
    } catch (error) {
      onError(error);
    }
    return { refusal: `the login of ${quoteText(username)} was refused` };
  };
}
