/**
 * Requests over HTTP that failed, in words.
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
import { innermostMessage, isBeforeSending, isNoHttp, plainCause } from "./fetch_failure.ts";

/** A request to the API. */
export interface HttpRequest {
  /** Where it goes. */
  readonly endpoint: HttpEndpoint;
  /** The names of its commands, for messages; none for a request that runs nothing. */
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

/** What a request is called in messages, which put it into quotes. */
export function nameOf(commands: readonly string[]): string {
  if (commands.length === 0) return "GET /doveadm/v1";
  const named = commands.slice(0, commandsNamed).join(", ");
  const more = commands.length - commandsNamed;
  return more > 0 ? `${named} and ${more} more` : named;
}

/** What a request can be at most, as Dovecot has it; both limits are compiled in. */
const sizes =
  "Dovecot 2.3 takes requests of up to 1 MiB; 2.4 takes strings of up to 32,768 bytes, " +
  "and lists, of commands too, of up to 1,024 items. Send less at once, or use TCP.";

/** What no Dovecot takes more of in a request, in bytes. */
export const largestRequest = 1024 * 1024;

/** Why `fetch` gave no response. */
export function fetchError(error: unknown, request: HttpRequest): DovewireError {
  const { endpoint, commands } = request;
  const { peer } = endpoint;
  const cause = plainCause(error, (text) => endpoint.conceal(text));
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
      `What ${peer} answered is no HTTP. Is it the port of Dovecot's inet_listener named "http"? ` +
        "One of another name speaks doveadm's own protocol.",
      { cause, sent: commands.length > 0 },
    );
  }
  return lostError(request, "no response came", error);
}

const crashOfFetch =
  " Over HTTP, 2.4.1 crashes as well on long values that aren't ASCII; TCP has no " +
  "trouble with them.";

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
    ? "Its own log may say more."
    : "Any of the commands may have ended it, and took what the others answered along: on Dovecot " +
      "2.3 one after a command that acts on mail does. Send them one by one to know.";
  return new ConnectionLostError(
    `"${nameOf(commands)}" was not answered by ${endpoint.peer}: ${what}, and the connection ` +
      `ended. ${why}`,
    { cause: plainCause(error, (text) => endpoint.conceal(text)), sent: commands.length > 0 },
  );
}

/** The error for a response that isn't the answer: a refusal, a redirect, or somebody else's. */
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
        "go along. If that is the right place, give its URL.",
    );
  }
  switch (status) {
    case 401:
      return authenticationError(response, endpoint);
    case 403:
    case 405:
      return new RemoteProtocolError(
        `${what} Dovecot doesn't say that; is there a reverse proxy in front?`,
      );
    case 404:
      return new RemoteProtocolError(
        `${what} There is no doveadm at that place. Is the path "/doveadm/v1", and the port that of ` +
          'Dovecot\'s inet_listener named "http"?',
      );
    case 400:
    case 413:
      return new RemoteProtocolError(`${what} ${sizes}`, { sent });
    case 500:
      return new RemoteProtocolError(
        `${what} Dovecot says that where neither doveadm_password nor doveadm_api_key is set; its ` +
          "log says more.",
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
  /** The limit that the answer goes over. */
  readonly limit?: string;
  /** The commands that got no answer, by their index. */
  readonly unanswered?: readonly number[];
}

/** The error for an answer that can't be read or doesn't fit the request. */
export function answerError(
  what: string,
  { endpoint, commands }: HttpRequest,
  options: AnswerErrorOptions = {},
): RemoteProtocolError {
  return new RemoteProtocolError(
    `What ${endpoint.peer} answered to "${nameOf(commands)}" (HTTP 200) can't be used: ${what}.`,
    { ...options, sent: commands.length > 0 },
  );
}
