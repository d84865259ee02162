/** Servers, or proxies in front of them, that send back what they were sent. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type DoveadmHttp, type DoveadmHttpOptions, DovewireError } from "../../../mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { listen } from "../../harness/sockets.ts";
import { DoveadmHttp as Client } from "../../../mod.ts";
import { clientOf } from "./answering.ts";
import { assertShowsNone } from "./requests.ts";
import { warmUpFetch } from "./warm_up.ts";

const list = { user: "tss" };

/** A secret, how it is given, and the value of the Authorization header that it makes. */
interface Secret {
  readonly secret: string;
  readonly options: DoveadmHttpOptions;
  readonly header: string;
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

const secrets: readonly Secret[] = ["zq-secret", 'Zürich §5 "quoted" \\ & <more>', "p/+pp?%"]
  .flatMap(
    (secret) => [
      { secret, options: { password: secret }, header: `Basic ${base64(`doveadm:${secret}`)}` },
      { secret, options: { apiKey: secret }, header: `X-Dovecot-API ${base64(secret)}` },
      {
        secret,
        options: { password: secret, username: "root" },
        header: `Basic ${base64(`root:${secret}`)}`,
      },
    ],
  );

/** The forms in which a server may echo a secret. */
function formsOf({ secret, header }: Secret): string[] {
  const [, credentials] = header.split(" ");
  const hex = [...new TextEncoder().encode(secret)].map((byte) =>
    byte.toString(16).padStart(2, "0")
  );
  const middle = Math.floor(secret.length / 2);
  const unicode = (text: string) =>
    [...text].map((sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  return [
    secret,
    header,
    credentials,
    base64(secret),
    encodeURIComponent(secret),
    hex.join(""),
    JSON.stringify(secret),
    // Cut in two by an escape, as JSON and percent signs may have it.
    secret.slice(0, middle) + unicode(secret[middle]) + secret.slice(middle + 1),
    unicode(secret),
    credentials.replaceAll("/", "\\/").slice(0, 7) + unicode(credentials[7]) + credentials.slice(8),
    `${encodeURIComponent(secret.slice(0, middle))}%${
      secret.charCodeAt(middle).toString(16).padStart(2, "0")
    }${encodeURIComponent(secret.slice(middle + 1))}`,
    secret.slice(0, middle) + `&#${secret.charCodeAt(middle)};` + secret.slice(middle + 1),
  ];
}

/** What must not be shown of a secret: itself, and what it can be read from. */
function tellingOf(given: Secret): string[] {
  // An escape within would hide it from a mere comparison.
  return [...new Set(formsOf(given))];
}

async function errorOf(work: Promise<unknown>): Promise<DovewireError> {
  const error = await work.then(() => assert.fail("it went well"), (error) => error);
  assert(error instanceof DovewireError, String(error));
  return error;
}

const run = (http: DoveadmHttp) => http.run("mailbox list", list);
const status = (http: DoveadmHttp) =>
  http.run("mailbox status", { ...list, field: ["messages"], mailboxMask: ["*"] });

type Echo = readonly [
  what: string,
  answer: (text: string) => Response,
  call: (http: DoveadmHttp) => Promise<unknown>,
];

const answered = (...answers: readonly unknown[]) => Response.json(answers);

const echoes: readonly Echo[] = [
  ["an error's type", (text) => answered(["error", { type: text }, "0"]), run],
  ["an error's type, among words", (text) => answered(["error", { type: `<${text}>` }, "0"]), run],
  ["the tag", (text) => answered(["doveadmResponse", [], text]), run],
  ["the kind", (text) => answered([text, [], "0"]), run],
  [
    "a value",
    (text) => answered(["doveadmResponse", [{ mailbox: "x", messages: text }], "0"]),
    status,
  ],
  ["a refusal", (text) => new Response(`You said ${text}.`, { status: 500 }), run],
  ["a refusal as JSON", (text) => Response.json({ said: text }, { status: 403 }), run],
  ["a long refusal", (text) => new Response(text.repeat(200), { status: 418 }), run],
  ["no JSON", (text) => new Response(text), run],
  ["broken JSON", (text) => new Response(`[["doveadmResponse",[{"a":${text}}],"0"]]`), run],
  ["bytes after the answers", (text) => new Response(`[["doveadmResponse",[],"0"]]${text}`), run],
  ["no list of commands", (text) => new Response(text), (http) => http.commands()],
  ["a redirect", (text) => {
    const location = `/?${encodeURIComponent(text)}`;
    return new Response("", { status: 302, headers: { location } });
  }, run],
];

for (const [what, answer, call] of echoes) {
  test(`HTTP echoes › ${what} › no form of a secret comes back`, async () => {
    for (const given of secrets) {
      for (const form of formsOf(given)) {
        const error = await errorOf(call(clientOf(() => answer(form), given.options)));
        assertShowsNone(error, tellingOf(given));
      }
    }
  });
}

test("HTTP echoes › a body that is cut within a secret › its beginning doesn't come back", async () => {
  const secret = "zq-secret-of-ours";
  for (let size = Math.ceil(secret.length / 2) + 1; size <= secret.length; size++) {
    const body = `[["doveadmResponse",[{"a":"x"}],"0"]]${secret.slice(0, size)}`;
    const error = await errorOf(run(clientOf(() => new Response(body), { password: secret })));
    assertShowsNone(error, [secret.slice(0, size)]);
  }
});

test("HTTP echoes › a response that isn't HTTP › the error shows no secret", async () => {
  await warmUpFetch();
  for (const given of secrets.slice(0, 3)) {
    for (const form of [given.secret, given.header]) {
      const answers = [
        `${form}\r\n\r\n`,
        `HTTP/1.1 ${form}\r\n\r\n`,
        `HTTP/1.1 200 OK\r\n${form}\r\n\r\n`,
        `HTTP/1.1 200 OK\r\nContent-Length: ${form}\r\n\r\n`,
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${form}\r\n`,
        `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n${form}`,
      ];
      for (const answer of answers) {
        await using server = await listen("tcp", (socket) => {
          socket.once("data", () => socket.end(answer));
          socket.resume();
        });
        assert(server.address.transport === "tcp");
        const url = `http://127.0.0.1:${server.address.port}`;
        await leavingNothing(async () => {
          await using http = new Client(url, given.options);
          assertShowsNone(await errorOf(run(http)), [given.secret, given.header.split(" ")[1]]);
        });
      }
    }
  }
});

test("HTTP echoes › control characters › are shown as escapes", async () => {
  const wild = "a\x1b[2Jb\r\n\u202ec\u2028\x9bd\0";
  for (const [what, answer, call] of echoes) {
    const error = await errorOf(call(clientOf(() => answer(wild))));
    assert.doesNotMatch(error.message, /[\p{Cc}\p{Zl}\p{Zp}\u202e]/u, what);
  }
});

test("HTTP echoes › texts of any length › the message stays short", async () => {
  for (const [what, answer, call] of echoes) {
    if (what === "a redirect") continue;
    const error = await errorOf(call(clientOf(() => answer("x".repeat(1_000_000)))));
    assert(error.message.length < 1000, `${what}: ${error.message.length} characters`);
  }
});
