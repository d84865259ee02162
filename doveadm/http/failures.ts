/**
 * What to say of requests over HTTP that came to nothing, and of commands that failed there.
 *
 * @module
 */

import { AuthenticationError, type DovewireError, RemoteProtocolError } from "../../core/mod.ts";
import { codeOfExit, exitCode } from "../../core/doveadm/exit_codes.ts";
import { whyItMayHaveDied } from "../client/command_traits.ts";
import { CommandError } from "../client/command_error.ts";
import { ConnectError, ConnectionLostError } from "../../core/errors.ts";
import { type HttpEndpoint, peerOf, secretsOf } from "./endpoint.ts";

/** A request that is under way, as far as messages are about it. */
export interface HttpRequestFacts {
  /** Where it went. */
  readonly endpoint: HttpEndpoint;
  /** The names of its commands; none for a request that runs nothing. */
  readonly commands: readonly string[];
  /** How many bytes its body has. */
  readonly size: number;
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

const largestRequest = 1024 * 1024;

/** Why `fetch` came to nothing, where it gave no response. */
export function fetchError(error: unknown, facts: HttpRequestFacts): DovewireError {
  const peer = peerOf(facts.endpoint);
  const said = conceal(deepestMessage(error), facts.endpoint);
  if (isBeforeSending(error)) {
    return new ConnectError(
      `Cannot connect to ${peer}: ${said}. Look at the address, at Dovecot's inet_listener named ` +
        '"http", and for "https:" at its "ssl = yes" and its certificate.',
      { cause: error },
    );
  }
  const sent = facts.commands.length > 0;
  if (chainOf(error).some((link) => isNoHttp(link))) {
    return new RemoteProtocolError(
      `What ${peer} answered is no HTTP. Is it the port of Dovecot's inet_listener named "http"? ` +
        "One of another name speaks doveadm's own protocol.",
      { cause: error, sent },
    );
  }
  return lostError(error, facts, "no response came");
}

const crashOfFetch =
  " Over HTTP, 2.4.1 crashes as well on long values that aren't ASCII; TCP has no " +
  "trouble with them.";

/** The error for a connection that ended ahead of the answer's end. */
export function lostError(
  error: unknown,
  { endpoint, commands, size }: HttpRequestFacts,
  what: string,
): ConnectionLostError {
  const why = size > largestRequest
    ? `The request has ${size} bytes. ${sizes}`
    : commands.length === 1
    ? whyItMayHaveDied(commands[0]) + (commands[0] === "fetch" ? crashOfFetch : "")
    : commands.length === 0
    ? "Its own log may say more."
    : "Any of the commands may have ended it, and took what the others answered along: on Dovecot " +
      "2.3 one behind a command that acts on mail does. Send them one by one to know.";
  return new ConnectionLostError(
    `"${nameOf(commands)}" was not answered by ${peerOf(endpoint)}: ${what}, and the connection ` +
      `ended. ${why}`,
    { cause: error, sent: commands.length > 0 },
  );
}

/** The error for a response that isn't the answer: a refusal, a redirect, or somebody else's. */
export function statusError(
  response: Response,
  body: string,
  { endpoint, commands }: HttpRequestFacts,
): DovewireError {
  const peer = peerOf(endpoint);
  const { status } = response;
  const text = conceal(body, endpoint);
  const said = text === "" ? "" : `, saying ${shorten(text)}`;
  const what = `"${nameOf(commands)}" was refused by ${peer} with HTTP ${status}${said}.`;
  // Dovecot looks at a command when it has read it: those ahead of a bad one have run by then.
  const sent = commands.length > 1;
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const location = response.headers.get("location");
    const where = location === null ? "elsewhere" : `to ${shorten(conceal(location, endpoint))}`;
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
      return new RemoteProtocolError(`${what} Dovecot doesn't say that; is something ahead of it?`);
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
            ? "What is ahead of Dovecot may have no connection to it."
            : "Dovecot answers with 200; is something ahead of it?"
        }`,
        { sent: commands.length > 0 },
      );
  }
}

function authenticationError(response: Response, endpoint: HttpEndpoint): AuthenticationError {
  const peer = peerOf(endpoint);
  const takes = response.headers.get("www-authenticate") ?? "";
  const ways = [
    ...(/\bBasic\b/i.test(takes) ? ['"password" (its doveadm_password)'] : []),
    ...(/X-Dovecot-API/i.test(takes) ? ['"apiKey" (its doveadm_api_key)'] : []),
  ];
  const set = `Set ${ways.length > 0 ? ways.join(" or ") : '"password" or "apiKey"'}.`;
  const { apiKey, password, username = "doveadm" } = endpoint;
  if (apiKey === undefined && password === undefined) {
    return new AuthenticationError(
      `Cannot authenticate to ${peer}: the server asked for a password or key and none was given. ` +
        set,
    );
  }
  const what = apiKey !== undefined ? "the API key" : `the password of "${username}"`;
  return new AuthenticationError(
    `Cannot authenticate to ${peer}: the server refused ${what} (HTTP 401). ${set}`,
  );
}

/** The error for an answer that can't be read or doesn't fit the request. */
export function answerError(
  what: string,
  { endpoint, commands }: HttpRequestFacts,
  options: { cause?: unknown; limit?: string; unanswered?: readonly number[] } = {},
): RemoteProtocolError {
  return new RemoteProtocolError(
    `What ${peerOf(endpoint)} answered to "${nameOf(commands)}" (HTTP 200) can't be used: ` +
      `${conceal(what, endpoint)}.`,
    { ...options, sent: commands.length > 0 },
  );
}

const noLog = "HTTP tells no log lines: Dovecot's own log says why.";

/** What stands for each type of error that a server finds before it runs a command. */
const refusals: Readonly<Record<string, { readonly code: string; readonly note: string }>> = {
  unknownMethod: { code: "", note: "Ask for the list of commands: other versions have others." },
  unAuthorized: { code: "NOPERM", note: "Dovecot's doveadm_allowed_commands lacks it." },
  invalidRequest: {
    code: "USAGE",
    note: "A parameter has a name or a value that this version of Dovecot doesn't know; HTTP " +
      "doesn't tell which.",
  },
  internalError: {
    code: "TEMPFAIL",
    note: "Dovecot 2.4 says so, too, where another server has the user, and tells which in its " +
      "log only.",
  },
};

/**
 * The error for a command that was answered with `["error", {type, exitCode}, tag]`, or `undefined`
 * where `value` is no such thing.
 *
 * An "exitCode" becomes its code. What Dovecot finds before it runs a command has the code that the
 * same mistake would have: "" for an unknown command, as over TCP, "NOPERM" for one that isn't allowed,
 * "USAGE" for a bad parameter, "TEMPFAIL" for an internal error. Its "exitCode" is left over from the
 * command before, and means nothing.
 */
export function commandError(command: string, value: unknown): CommandError | undefined {
  const { type, exitCode: status } = (value ?? {}) as Record<string, unknown>;
  if (typeof type !== "string") return undefined;
  if (type === "exitCode") {
    if (typeof status !== "number") return undefined;
    return failure(command, codeOfExit(status), noLog, status);
  }
  if (Object.hasOwn(refusals, type)) {
    const { code, note } = refusals[type];
    return failure(command, code, note);
  }
  return failure(command, "UNKNOWN", `The server calls it ${shorten(type)}. ${noLog}`);
}

function failure(
  command: string,
  code: string,
  note: string,
  status: number = exitCode(code),
): CommandError {
  const none = { fields: [], rawFields: [], detail: "" };
  const reply = { type: "reply", id: 0, ok: false, code, ...none } as const;
  return new CommandError(command, reply, [], { status, note });
}

/** An error and what it came of, however the runtime chains them. */
interface Link {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

function chainOf(error: unknown, depth = 0): readonly Link[] {
  if (typeof error !== "object" || error === null || depth > 5) return [];
  const link = error as Link;
  // Node tries all addresses of a name, and gives one error for each.
  const all: readonly unknown[] = Array.isArray(link.errors) ? link.errors : [];
  return [link, ...[link.cause, ...all].flatMap((it) => chainOf(it, depth + 1))];
}

function deepestMessage(error: unknown): string {
  const messages = chainOf(error).map(({ message }) => message);
  const said = messages.findLast((message) => typeof message === "string" && message !== "");
  return shorten(String(said ?? "the runtime doesn't say why")).slice(1, -1)
    .replace(/[.:?!\s]+$/, "");
}

/**
 * What runtimes say of connections that came to nothing: Node's `code`s, at `cause`; Bun's, at the error
 * itself. Codes that may come later as well, such as ECONNRESET, are not among them.
 */
const neverConnected: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  // TLS: no answer to the greeting, or a certificate that isn't trusted.
  "EPROTO",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Whether the error tells that nothing was sent. */
function isBeforeSending(error: unknown): boolean {
  return chainOf(error).some(({ code, syscall, message }) =>
    neverConnected.has(code) || syscall === "connect" || syscall === "getaddrinfo" ||
    // Deno has words only; "Connect" is the stage of its HTTP client, TLS included.
    (typeof message === "string" &&
      (message.includes("client error (Connect)") ||
        // Ports that the standard for fetch forbids.
        message === "bad port" || /Requests to port \d+ are blocked/.test(message)))
  );
}

/** Whether the error tells that what came is no HTTP: Node's, Bun's and Deno's words for it. */
function isNoHttp({ name, code, message }: Link): boolean {
  return name === "HTTPParserError" || code === "Malformed_HTTP_Response" ||
    (typeof message === "string" && /invalid HTTP version|does not match the HTTP/.test(message));
}

/** Takes out of a text what must not be shown: a server may echo what it was sent. */
function conceal(text: string, endpoint: HttpEndpoint): string {
  let concealed = text;
  for (const secret of secretsOf(endpoint)) concealed = concealed.replaceAll(secret, "…");
  return concealed;
}

/** A text as a message can show it, in quotes and short. */
function shorten(text: string): string {
  const plain = text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
  return `"${plain.length > 200 ? `${plain.slice(0, 200)}…` : plain}"`;
}
