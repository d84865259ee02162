/**
 * Checks logins.
 *
 * @module
 */

import { encodeUtf8, LocalProtocolError, quoteText, sameSecret } from "../../core/mod.ts";

/** Decides who may log in. */
export type Authenticate = (
  username: string,
  password: string,
) => string | undefined | Promise<string | undefined>;

/** The result of a login: the client's name, or why it was refused. */
export type Login = { readonly username: string } | { readonly refusal: string };

/** Checks a login. */
export type CheckLogin = (username: string, password: string) => Login | Promise<Login>;

/** Checks logins against a single name and password. */
export function passwordCheck(rightName: string, rightPassword: string): CheckLogin {
  const secret = encodeUtf8(rightPassword);
  return (username, password) => {
    // The password is always compared, so that timing reveals nothing about the name.
    const isRight = sameSecret(encodeUtf8(password), secret);
    if (username !== rightName) {
      return { refusal: `there is no ${quoteText(username)} to log in as` };
    }
    return isRight ? { username } : { refusal: "the password is wrong" };
  };
}

/**
 * Checks logins with the program's function; an error that it throws goes to `onError` and refuses the
 * login.
 */
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
