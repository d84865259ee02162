/**
 * What runtimes say of a `fetch` that failed, each in its own words.
 *
 * @module
 */

/** An error and what it came of, however the runtime chains them. */
interface Link {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** How deep a chain is looked at. */
const deepest = 5;

function chainOf(error: unknown, depth = 0): readonly Link[] {
  if (!isLink(error) || depth > deepest) return [];
  // Node tries all addresses of a name, and gives one error for each.
  const all: readonly unknown[] = Array.isArray(error.errors) ? error.errors : [];
  return [error, ...[error.cause, ...all].flatMap((it) => chainOf(it, depth + 1))];
}

/** What the innermost error says, which is what went wrong. */
export function innermostMessage(error: unknown): string {
  const messages = chainOf(error).map(({ message }) => message);
  const said = messages.findLast((message) => typeof message === "string" && message !== "");
  return String(said ?? "the runtime doesn't say why").replace(/[.:?!\s]+$/, "");
}

/**
 * A runtime's error with its names, codes and messages alone, at any depth, each as `show` shows it.
 * Runtimes keep more at theirs: Node's has the bytes of a response that is no HTTP.
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
 * What runtimes say of connections that could not be made: Node's `code`s, at `cause`; Bun's, at the error
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
export function isBeforeSending(error: unknown): boolean {
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
export function isNoHttp(error: unknown): boolean {
  return chainOf(error).some(({ name, code, message }) =>
    name === "HTTPParserError" || code === "Malformed_HTTP_Response" ||
    (typeof message === "string" && /invalid HTTP version|does not match the HTTP/.test(message))
  );
}
