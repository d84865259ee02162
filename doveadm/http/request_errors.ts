/**
 * The errors of requests over HTTP.
 *
 * @module
 */

import {
  AuthenticationError,
  type DovewireError,
  encodeUtf8,
  RemoteProtocolError,
} from "../../core/mod.ts";
import { ConnectError, ConnectionLostError } from "../../core/errors.ts";
import { whyItMayHaveDied } from "../client/command_traits.ts";
import type { Waited } from "./call_deadline.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import {
  innermostMessage,
  isBeforeSending,
  isDenied,
  isNoHttp,
  plainCause,
} from "./fetch_failure.ts";

/** A request to the API. */
export interface HttpRequest {
  /** The endpoint. */
  readonly endpoint: HttpEndpoint;
  /** The names of its commands, for messages; empty for a request that runs none. */
  readonly commands: readonly string[];
  /** Its body; `undefined` for the list of commands, which is asked for with GET. */
  readonly body: string | undefined;
}

/** A request that has been sent, for the error if it takes too long. */
export function waitedFor({ commands }: HttpRequest): Waited {
  return { name: nameOf(commands), sent: commands.length > 0 };
}

/** How many commands a message names. */
const commandsNamed = 3;

/** The name of a request in messages, which quote it. */
export function nameOf(commands: readonly string[]): string {
  if (commands.length === 0) return "GET /doveadm/v1";
  const named = commands.slice(0, commandsNamed).join(", ");
  const more = commands.length - commandsNamed;
  return more > 0 ? `${named} and ${more} more` : named;
}

/** Dovecot's limits for a request; both are compiled in. */
const sizes =
  "Dovecot 2.3 takes requests of up to 1 MiB; 2.4 takes strings of up to 32,768 bytes, " +
  "and lists, of commands too, of up to 1,024 items. Send less at once, or use TCP.";

/** The most bytes that any Dovecot accepts in a request. */
export const largestRequest = 1024 * 1024;

/** The error for a failed `fetch`. */
export function fetchError(error: unknown, request: HttpRequest): DovewireError {
  const { endpoint, commands } = request;
  const { peer } = endpoint;
  const cause = plainCause(error, (text) => endpoint.conceal(text));
  if (isDenied(error)) {
    const { protocol, hostname, port } = endpoint.url;
    const place = `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
    return new ConnectError(
      `Cannot connect to ${peer}: Deno doesn't permit this. Add --allow-net=${place}.`,
      { cause },
    );
  }
  if (isBeforeSending(error)) {
    const said = endpoint.quote(innermostMessage(error)).slice(1, -1);
    return new ConnectError(
      `Cannot connect to ${peer}: ${said}. Check the address, Dovecot's inet_listener named ` +
        '"http", and for "https:" its "ssl = yes" and its certificate.',
      { cause },
    );
  }
  if (isNoHttp(error)) {
    return new RemoteProtocolError(
      `The answer of ${peer} is not HTTP. Check that it is the port of Dovecot's inet_listener named "http". ` +
        "One with another name uses doveadm's own protocol.",
      { cause, sent: commands.length > 0 },
    );
  }
  return lostError(request, "no response came", error);
}

const crashOfFetch =
  " Over HTTP, 2.4.1 crashes as well on long values that aren't ASCII; TCP has no " +
  "such limit.";

/** The error for a connection that ended before the answer did; `error` is the runtime's. */
export function lostError(
  { endpoint, commands, body }: HttpRequest,
  what: string,
  error?: unknown,
): ConnectionLostError {
  const size = encodeUtf8(body ?? "").length;
  const why = size > largestRequest
    ? `The request has ${size} bytes. ${sizes}`
    : commands.length === 1
    ? whyItMayHaveDied(commands[0]) + (commands[0] === "fetch" ? crashOfFetch : "")
    : commands.length === 0
    ? "Check its log."
    : "Any of the commands may have ended it, which loses all answers: on Dovecot " +
      "2.3, a command after one that acts on mail does. Send them one by one to find it.";
  return new ConnectionLostError(
    `"${nameOf(commands)}" was not answered by ${endpoint.peer}: ${what}, and the connection ` +
      `ended. ${why}`,
    { cause: plainCause(error, (text) => endpoint.conceal(text)), sent: commands.length > 0 },
  );
}

/** The error for a response with another status: a refusal, a redirect, or another server's. */
export function statusError(
  response: Response,
  body: string,
  { endpoint, commands }: HttpRequest,
): DovewireError {
  const { peer } = endpoint;
  const { status } = response;
  const text = body.trim();
  const said = text === "" ? "" : `, saying ${endpoint.quote(text)}`;
  const what = `"${nameOf(commands)}" was refused by ${peer} with HTTP ${status}${said}.`;
  // Dovecot looks at a command when it has read it: those before a bad one have run by then.
  const sent = commands.length > 1;
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const location = response.headers.get("location");
    const where = location === null ? "elsewhere" : `to ${endpoint.quote(location)}`;
    return new RemoteProtocolError(
      `${peer} redirects ${where}, and redirects are not followed, since the password or key would ` +
        "go along. If that is the right place, use its URL.",
    );
  }
  switch (status) {
    case 401:
      return authenticationError(response, endpoint);
    case 403:
    case 405:
      return new RemoteProtocolError(
        `${what} Dovecot doesn't send that; is there a reverse proxy in front?`,
      );
    case 404:
      return new RemoteProtocolError(
        `${what} There is no doveadm API at that URL. Check that its path is "/doveadm/v1" and its port that of ` +
          'Dovecot\'s inet_listener named "http".',
      );
    case 400:
    case 413:
      return new RemoteProtocolError(`${what} ${sizes}`, { sent });
    case 500:
      return new RemoteProtocolError(
        `${what} Dovecot sends that if neither doveadm_password nor doveadm_api_key is set; check its ` +
          "log.",
        { sent: commands.length > 0 },
      );
    default:
      return new RemoteProtocolError(
        `${what} ${
          status >= 500
            ? "A reverse proxy in front of Dovecot may have no connection to it."
            : "Dovecot answers with 200; is there a reverse proxy in front?"
        }`,
        { sent: commands.length > 0 },
      );
  }
}

function authenticationError(
  { headers }: Response,
  { peer, credentials }: HttpEndpoint,
): AuthenticationError {
  const takes = headers.get("www-authenticate") ?? "";
  const ways = [
    ...(/\bBasic\b/i.test(takes) ? ['"password" (its doveadm_password)'] : []),
    ...(/X-Dovecot-API/i.test(takes) ? ['"apiKey" (its doveadm_api_key)'] : []),
  ];
  const set = `Set ${ways.length > 0 ? ways.join(" or ") : '"password" or "apiKey"'}.`;
  if (credentials.type === "none") {
    return new AuthenticationError(
      `Cannot authenticate to ${peer}: the server asked for a password or key and none was given. ` +
        set,
    );
  }
  const what = credentials.type === "api-key"
    ? "the API key"
    : `the password of "${credentials.username}"`;
  return new AuthenticationError(
    `Cannot authenticate to ${peer}: the server refused ${what} (HTTP 401). ${set}`,
  );
}

/** Options for {@linkcode answerError}. */
export interface AnswerErrorOptions {
  /** The limit that the answer exceeds. */
  readonly limit?: string;
  /** The indexes of the commands without an answer. */
  readonly unanswered?: readonly number[];
}

/** The error for an answer that is invalid or doesn't fit the request. */
export function answerError(
  what: string,
  { endpoint, commands }: HttpRequest,
  options: AnswerErrorOptions = {},
): RemoteProtocolError {
  return new RemoteProtocolError(
    `The answer of ${endpoint.peer} to "${nameOf(commands)}" (HTTP 200) is invalid: ${what}.`,
    { ...options, sent: commands.length > 0 },
  );
}
