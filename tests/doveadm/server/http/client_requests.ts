/**
 * Requests as clients of several languages send them to the HTTP API: their headers, their JSON, their habits.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** A request of a client. */
export interface ClientRequest {
  /** The client, and what it asks. */
  readonly name: string;
  /** Its bytes, for the server with that login. */
  readonly bytes: (login: ClientLogin) => string;
}

/** The server's place and secrets. */
export interface ClientLogin {
  readonly host: string;
  readonly password: string;
  readonly apiKey: string;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** Joins a head, with the length of the body in place of LENGTH, and a body. */
function message(head: readonly string[], body: string): string {
  const text = [...head, "", ""].join("\r\n");
  return text.replace("LENGTH", String(Buffer.byteLength(body))) + body;
}

/** PHP with its curl: `json_encode` escapes slashes and all that isn't ASCII. */
function php(value: unknown, more: readonly string[] = ["Content-Type: application/json"]) {
  const body = JSON.stringify(value).replaceAll("/", "\\/").replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return ({ host, apiKey }: ClientLogin) =>
    message([
      ...["POST /doveadm/v1 HTTP/1.1", `Host: ${host}`, "User-Agent: accounts", "Accept: */*"],
      ...[`Authorization: X-Dovecot-API ${base64(apiKey)}`, ...more, "Content-Length: LENGTH"],
    ], body);
}

/** PHP with its streams, which speak HTTP/1.0. */
function phpStream(value: unknown) {
  return ({ host, password }: ClientLogin) =>
    message([
      ...["POST /doveadm/v1 HTTP/1.0", `Host: ${host}`, "Connection: close"],
      ...[`Authorization: Basic ${base64(`doveadm:${password}`)}`, "Content-Length: LENGTH"],
      "Content-type: application/json",
    ], JSON.stringify(value));
}

/** Python: `json.dumps` puts spaces after commas and colons. */
function python(json: string, { header = "" } = {}) {
  return ({ host, apiKey }: ClientLogin) =>
    message([
      ...["POST /doveadm/v1 HTTP/1.1", `Host: ${host}`, "User-Agent: python-requests/2.32.3"],
      ...["Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive"],
      `Authorization: ${header === "" ? `X-Dovecot-API ${base64(apiKey)}` : header}`,
      ...["Content-Length: LENGTH", "Content-Type: application/json"],
    ], json);
}

/** Python's own library, which calls all bodies forms. */
function pythonForm(json: string) {
  return ({ host, password }: ClientLogin) =>
    message([
      ...["POST /doveadm/v1 HTTP/1.1", "Accept-Encoding: identity"],
      ...["Content-Type: application/x-www-form-urlencoded", "Content-Length: LENGTH"],
      ...[`Host: ${host}`, "User-Agent: Python-urllib/3.12"],
      ...[`Authorization: Basic ${base64(`doveadm:${password}`)}`, "Connection: close"],
    ], json);
}

/** Go: its encoder escapes for HTML and ends with a newline. */
function go(value: unknown, { isChunked = false, hasRawKey = false } = {}) {
  const body = `${JSON.stringify(value)}\n`.replaceAll(
    /[&<>]/g,
    (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`,
  );
  const size = Buffer.byteLength(body).toString(16);
  return ({ host, apiKey }: ClientLogin) =>
    message(
      [
        ...["POST /doveadm/v1 HTTP/1.1", `Host: ${host}`, "User-Agent: Go-http-client/1.1"],
        isChunked ? "Transfer-Encoding: chunked" : "Content-Length: LENGTH",
        `Authorization: X-Dovecot-API ${hasRawKey ? apiKey : base64(apiKey)}`,
        ...["Content-Type: application/json", "Accept-Encoding: gzip"],
      ],
      isChunked ? `${size}\r\n${body}\r\n0\r\n\r\n` : body,
    );
}

/** JavaScript: some say that it is text. */
function javascript(value: unknown) {
  return ({ host, apiKey }: ClientLogin) =>
    message([
      ...["POST /doveadm/v1 HTTP/1.1", "Accept: application/json, text/plain, */*"],
      ...["Content-Type: text/plain", `Authorization: X-Dovecot-API ${base64(apiKey)}`],
      ...["User-Agent: axios/1.7.7", "Content-Length: LENGTH"],
      ...[
        "Accept-Encoding: gzip, compress, deflate, br",
        `Host: ${host}`,
        "Connection: keep-alive",
      ],
    ], JSON.stringify(value));
}

function get(path: string, header: (login: ClientLogin) => string) {
  return (login: ClientLogin) =>
    message([
      ...[`GET ${path} HTTP/1.1`, `Host: ${login.host}`],
      ...["User-Agent: curl/8.5.0", "Accept: */*", header(login)],
    ], "");
}

const inbox = { user: "alice", mailboxMask: ["INBOX"], field: ["messages", "vsize"] };
const large = `Subject: large\n\n${"x".repeat(30_000)}\n`;

/** The requests, each after the one before it on the same server. */
export const clientRequests: readonly ClientRequest[] = [
  { name: "PHP, a status", bytes: php([["mailboxStatus", inbox, "tag/1"]]) },
  {
    name: "PHP, input that isn't ASCII",
    bytes: php([[
      "save",
      { user: "alice", mailbox: "INBOX", file: "Subject: Größe 🎈\n\na/b\n" },
      "s",
    ]]),
  },
  { name: "PHP, a status after it", bytes: php([["mailboxStatus", inbox, "größe"]]) },
  {
    name: "PHP, a large input that waits for 100-continue",
    bytes: php([["save", { user: "alice", mailbox: "INBOX", file: large }, "s"]], [
      ...["Content-Type: application/json", "Expect: 100-continue"],
    ]),
  },
  {
    name: "PHP, an encoding of its own",
    bytes: php([["who", {}, "t"]], ["Accept-Encoding: UTF-8"]),
  },
  {
    name: "PHP, the type of a form",
    bytes: php([["mailboxStatus", inbox, "t"]], [
      "Content-Type: application/x-www-form-urlencoded",
    ]),
  },
  // An array without keys is a list, whatever the API wants.
  { name: "PHP, an empty array of parameters", bytes: php([["who", [], "t"]]) },
  { name: "PHP's streams, HTTP/1.0", bytes: phpStream([["mailboxStatus", inbox, "t"]]) },
  { name: "PHP's streams, an unknown user", bytes: phpStream([["quotaGet", { user: "no" }, "t"]]) },
  {
    name: "Python, a status",
    bytes: python(
      '[["mailboxStatus", {"user": "alice", "mailboxMask": ["INBOX"], "field": ["messages"]}, "c01"]]',
    ),
  },
  {
    name: "Python, a string instead of an array",
    bytes: python('[["user", {"userMask": "no"}, "u"]]'),
  },
  { name: "Python, an unknown parameter", bytes: python('[["who", {"wrong": true}, "u"]]') },
  { name: "Python, a command that is no list", bytes: python('[{"who": {}}]') },
  { name: "Python, a batch that is cut", bytes: python('[["who", {}, "u"]') },
  {
    name: "Python, a wrong password",
    bytes: python("[]", { header: `Basic ${base64("doveadm:x")}` }),
  },
  { name: "Python, another scheme", bytes: python("[]", { header: "Bearer abc" }) },
  { name: "Python's own library, a form", bytes: pythonForm('[["kick", {"mask": ["no"]}, "k"]]') },
  { name: "Go, a status", bytes: go([["mailboxStatus", inbox, "a<&>b"]]) },
  { name: "Go, chunked", bytes: go([["mailboxStatus", inbox, "t"]], { isChunked: true }) },
  { name: "Go, a structure instead of a list", bytes: go([{ command: "who", parameters: {} }]) },
  { name: "Go, the key without base64", bytes: go([], { hasRawKey: true }) },
  { name: "Go, an unknown command", bytes: go([["noSuchThing", {}, "t"]]) },
  {
    name: "JavaScript, as text",
    bytes: javascript([["mailboxList", { user: "alice" }, "t_alice"]]),
  },
  { name: "JavaScript, no command", bytes: javascript([]) },
  { name: "JavaScript, an object", bytes: javascript({}) },
  {
    name: "curl, another path",
    bytes: get("/doveadm/v2", ({ apiKey }) => `Authorization: X-Dovecot-API ${base64(apiKey)}`),
  },
  {
    name: "curl, the paths",
    bytes: get("/", ({ password }) => `Authorization: Basic ${base64(`doveadm:${password}`)}`),
  },
  {
    name: "curl, the commands",
    bytes: get("/doveadm/v1", ({ apiKey }) => `Authorization: X-Dovecot-API ${base64(apiKey)}`),
  },
  { name: "curl, no login", bytes: get("/doveadm/v1", () => "X-Nothing: x") },
];
