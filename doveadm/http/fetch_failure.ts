/**
 * The errors of `fetch`, which differ between runtimes.
 *
 * @module
 */

/** An error and its causes, however the runtime chains them. */
interface Link {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** The depth to which a chain is followed. */
const deepest = 5;

function chainOf(error: unknown, depth = 0): readonly Link[] {
  if (!isLink(error) || depth > deepest) return [];
  // Node tries all addresses of a name, and throws one error for each.
  const all: readonly unknown[] = Array.isArray(error.errors) ? error.errors : [];
  return [error, ...[error.cause, ...all].flatMap((it) => chainOf(it, depth + 1))];
}

/** The message of the innermost error, which is the actual reason. */
export function innermostMessage(error: unknown): string {
  const messages = chainOf(error).map(({ message }) => message);
  const said = messages.findLast((message) => typeof message === "string" && message !== "");
  return String(said ?? "the runtime reports no reason").replace(/[.:?!\s]+$/, "");
}

/**
 * A copy of a runtime's error with only the names, codes and messages, at any depth, each passed through
 * `show`. Runtimes attach more: Node's has the bytes of an invalid response.
 */
export function plainCause(error: unknown, show: (text: string) => string): Error | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  return copyOf(error, show, 0);
}

function copyOf(link: Link, show: (text: string) => string, depth: number): Error {
  const { name, message, code, syscall, cause, errors } = link;
  const copy = new Error(typeof message === "string" ? show(message) : "", {
    ...(isLink(cause) && depth < deepest ? { cause: copyOf(cause, show, depth + 1) } : {}),
  });
  if (typeof name === "string") copy.name = show(name);
  const more: Record<string, unknown> = {};
  if (typeof code === "string") more.code = show(code);
  if (typeof syscall === "string") more.syscall = show(syscall);
  if (Array.isArray(errors) && depth < deepest) {
    more.errors = errors.filter(isLink).map((it) => copyOf(it, show, depth + 1));
  }
  return Object.assign(copy, more);
}

function isLink(value: unknown): value is Link {
  return typeof value === "object" && value !== null;
}

/**
 * Codes for connections that could not be made: Node's, in `cause`; Bun's, in the error itself. Codes that
 * may also come later, such as ECONNRESET, are not among them.
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
  // TLS: no answer to the ClientHello, or a certificate that isn't trusted.
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

/** Whether the error means that nothing was sent. */
export function isBeforeSending(error: unknown): boolean {
  return chainOf(error).some(({ code, syscall, message }) =>
    neverConnected.has(code) || syscall === "connect" || syscall === "getaddrinfo" ||
    // Deno has only the message; "Connect" is the stage of its HTTP client, TLS included.
    (typeof message === "string" &&
      (message.includes("client error (Connect)") ||
        // Ports that the fetch standard forbids.
        message === "bad port" || /Requests to port \d+ are blocked/.test(message)))
  );
}

/** Whether the error means that Deno's permissions don't allow the request. */
export function isDenied(error: unknown): boolean {
  return chainOf(error).some(({ name }) => name === "NotCapable" || name === "PermissionDenied");
}

/** Whether the error means that the response is not HTTP, as Node, Bun and Deno report it. */
export function isNoHttp(error: unknown): boolean {
  return chainOf(error).some(({ name, code, message }) =>
    name === "HTTPParserError" || code === "Malformed_HTTP_Response" ||
    (typeof message === "string" && /invalid HTTP version|does not match the HTTP/.test(message))
  );
}
