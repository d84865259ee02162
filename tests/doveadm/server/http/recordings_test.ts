/**
 * The HTTP API answers as the recorded servers did: status, headers, and bodies as JSON.
 *
 * The handler returns the values that are in the recorded rows, so that all else, as titles, tags, users and
 * errors, is the API's own.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOfExit } from "../../../../core/doveadm/exit_codes.ts";
import {
  CommandFailure,
  type DoveadmHandler,
  httpHandler,
} from "../../../../doveadm/server/mod.ts";
import { type HttpRecording, type Message, recordingsOf, servers } from "./recordings.ts";

const success = /^200 \[\["doveadmResponse",/;

/** What our API answers otherwise, and why. */
interface Difference {
  readonly why: string;
  readonly where: RegExp;
  readonly answer: RegExp;
}

/** What our API does on purpose otherwise. Dovecot's mistakes are not repeated. */
const differences: readonly Difference[] = [
  {
    why: "it is no HTTP, so that a runtime's server answers",
    where: /protocol-version-line$/,
    answer: /^/,
  },
  {
    why: "Dovecot closes the connection without a response",
    where: /(missing-param|no-user)$/,
    answer: /"exitCode":64/,
  },
  {
    why: "2.3 dies of a command after one on mail",
    where: /^2\.3.*\/multi-mail-then-who$/,
    answer: success,
  },
  { why: "2.4.1 crashes on it", where: /^2\.4\.1\/auth-cache-flush$/, answer: success },
  {
    why: "main has another name for a parameter",
    where: /^main\/auth-cache-flush$/,
    answer: success,
  },
  {
    why: "2.3 passes on bytes that aren't UTF-8; input would change",
    where: /^2\.3.*\/invalid-utf8$/,
    answer: /^400 JSON parse error: Invalid UTF-8 character\r\n$/,
  },
  { why: "main sends no CORS headers", where: /^main\/v1-options$/, answer: /^200 $/ },
  { why: "main has fewer commands", where: /^main\/v1-get$/, answer: /^200 \[\{"command":/ },
];

/** Commands of plugins, which the recorded servers don't have. */
const absent = /^(fts|mailboxCryptokey)/;

type JsonAnswer = [kind: string, body: unknown, tag: string];

/** A handler that returns the values of recorded answers, one after the other. */
function recordedHandler(answers: readonly JsonAnswer[]): DoveadmHandler {
  let at = 0;
  return (request) => {
    const [kind, body] = answers[at];
    if (request.name === "user" && Array.isArray(body)) {
      return [{ text: JSON.stringify({ userList: usersIn(body) }) }];
    }
    const users = usersIn(body);
    if (request.user === undefined || request.user === users.at(-1) || users.length === 0) at++;
    if (kind === "error") {
      const { type, exitCode } = body as { type: string; exitCode: number };
      assert.equal(type, "exitCode");
      throw new CommandFailure(codeOfExit(exitCode));
    }
    if (!Array.isArray(body)) return [{ text: JSON.stringify(body) }];
    return body.filter(({ username }) => username === undefined || username === request.user)
      .flatMap(({ username: _, ...row }) => Object.values(row).map(String));
  };
}

/** The users of rows, each once. */
function usersIn(body: unknown): string[] {
  if (!Array.isArray(body)) return [];
  return [...new Set(body.map(({ username }) => username).filter((name) => name !== undefined))];
}

function requestOf({ start, headers, body }: Message): Request {
  const [method, path] = start.split(" ");
  return new Request(new URL(path, "http://localhost"), {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body.length > 0 ? { body } : {}),
  });
}

/** The answers in a recorded response, to commands that ran. */
function answersIn(response: Message | undefined): JsonAnswer[] {
  const text = new TextDecoder().decode(response?.body);
  if (!text.startsWith('[["')) return [];
  return (JSON.parse(text) as JsonAnswer[]).filter(([, body]) =>
    !/unknownMethod|invalidRequest/.test(JSON.stringify(body))
  );
}

function apiOf(server: HttpRecording["server"], handler: DoveadmHandler) {
  const version = server.startsWith("2.3") ? "2.3" : "2.4";
  return httpHandler(handler, { password: "s3cret", apiKey: "apikey123", version });
}

/** A body for comparison: JSON as a value, the list of commands without those of plugins, and sorted. */
function bodyOf(text: string): unknown {
  if (!text.startsWith("[")) return text;
  const value: { command?: string }[] = JSON.parse(text);
  if (value[0]?.command === undefined) return value;
  return value.filter(({ command }) => !absent.test(command!) && !command!.startsWith("sieve"))
    .sort((one, other) => one.command! < other.command! ? -1 : 1);
}

for (const server of servers) {
  for (const recording of recordingsOf(server)) {
    const { name, response: recorded } = recording;
    const difference = differences.find(({ where }) => where.test(`${server}/${name}`));
    if (difference !== undefined) continue;
    test(`recorded HTTP of ${server} › ${name} › gets the same response`, async () => {
      const handler = recordedHandler(answersIn(recorded));
      const response = await apiOf(server, handler)(requestOf(recording.requests[0]));
      const [, status, reason] = /^HTTP\/1\.1 (\d+) (.*)$/.exec(recorded!.start)!;
      const text = new TextDecoder().decode(recorded!.body);
      assert.equal(response.status, Number(status));
      assert.equal(response.statusText, reason);
      const wanted = new Headers();
      for (const [name, value] of recorded!.headers) wanted.append(name, value);
      for (const own of ["date", "connection", "content-length"]) wanted.delete(own);
      for (const [name, value] of wanted) assert.equal(response.headers.get(name), value, name);
      const body = await response.text();
      assert.deepEqual(bodyOf(body), bodyOf(text));
      // Byte for byte but for escapes, digits like 0.00, and the order of the list.
      if (!/v1-get|fetch-weird|stats-dump/.test(name)) assert.equal(body, text);
    });
  }
}

test("recorded HTTP › the differences on purpose › are at most ten, and each request is answered", async () => {
  assert(differences.length <= 10);
  const all = servers.flatMap(recordingsOf);
  for (const { where, answer } of differences) {
    const found = all.filter(({ server, name }) => where.test(`${server}/${name}`));
    assert(found.length > 0, String(where));
    for (const { server, name, requests: [request] } of found) {
      if (request === undefined) continue;
      const response = await apiOf(server, () => [])(requestOf(request));
      assert.match(`${response.status} ${await response.text()}`, answer, `${server}/${name}`);
    }
  }
});
