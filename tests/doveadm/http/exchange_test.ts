import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import {
  AbortError,
  ConnectError,
  ConnectionLostError,
  TimeoutError,
} from "../../../core/errors.ts";
import {
  AuthenticationError,
  DovewireError,
  LocalProtocolError,
  RemoteProtocolError,
} from "../../../core/mod.ts";
import { connect } from "../../../mod.ts";
import type { HttpApi } from "../../../doveadm/http/api.ts";
import type { HttpEvent } from "../../../doveadm/http/exchange.ts";
import type { HttpCommand } from "../../../doveadm/http/request_body.ts";
import { withEnoughTime } from "../../harness/enough_time.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { listen, type SocketServer } from "../../harness/sockets.ts";
import { apiAt, type ApiOptions, eventsFor, listFor, type RequestOptions } from "./requests.ts";
import { warmUpFetch } from "./warm_up.ts";

await warmUpFetch();

/** A request as a server got it. */
interface Got {
  readonly line: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A server that reads a request from each connection and lets `answer` write to it. */
interface Fake extends Pick<SocketServer, "dropUnused">, AsyncDisposable {
  readonly url: URL;
  readonly got: Got[];
}

async function fake(answer: string | ((socket: Socket) => void)): Promise<Fake> {
  const got: Got[] = [];
  const server = await listen("tcp", (socket) => {
    let text = "";
    const take = (chunk: Uint8Array) => {
      text += new TextDecoder().decode(chunk);
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (end === -1 || new TextEncoder().encode(text.slice(end + 4)).length < length) return;
      socket.off("data", take);
      socket.resume();
      const [line, ...fields] = text.slice(0, end).split("\r\n");
      const headers = new Headers(
        fields.map((field) => /^(.*?): (.*)$/.exec(field)!.slice(1) as [string, string]),
      );
      got.push({ line, headers, body: text.slice(end + 4) });
      if (typeof answer === "string") socket.end(answer);
      else answer(socket);
    };
    socket.on("data", take);
    socket.on("end", () => socket.end());
  });
  const { address } = server;
  assert(address.transport === "tcp");
  return {
    url: new URL(`http://127.0.0.1:${address.port}/doveadm/v1`),
    got,
    dropUnused: () => server.dropUnused(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function response(body: string, status = "200 OK", fields = ""): string {
  const size = new TextEncoder().encode(body).length;
  return `HTTP/1.1 ${status}\r\nContent-Length: ${size}\r\nConnection: close\r\n${fields}\r\n${body}`;
}

const who: HttpCommand = { method: "who", parameters: {} };
const list: HttpCommand = {
  method: "mailboxList",
  parameters: { user: "a" },
  name: "mailbox list",
};

function apiOf(url: URL, options: ApiOptions = {}): HttpApi {
  return apiAt(url, { password: "s3cret", ...options });
}

async function eventsOf(
  api: HttpApi,
  commands: readonly HttpCommand[],
  options?: RequestOptions,
): Promise<HttpEvent[]> {
  const events: HttpEvent[] = [];
  for await (const event of eventsFor(api, commands, options)) events.push(event);
  return events;
}

async function errorOf(work: Promise<unknown>): Promise<DovewireError> {
  const error = await work.then(() => assert.fail("it went well"), (error) => error);
  assert(error instanceof DovewireError, String(error));
  return error;
}

/** Sends commands to a server with this answer. */
async function errorFor(
  answer: string | ((socket: Socket) => void),
  commands: readonly HttpCommand[] = [list],
  options: RequestOptions & ApiOptions = {},
): Promise<DovewireError> {
  let error: DovewireError | undefined;
  await using server = await fake(answer);
  await leavingNothing(async () => {
    error = await errorOf(eventsOf(apiOf(server.url, options), commands, options));
  }, server);
  assert(!error!.message.includes("s3cret"));
  return error!;
}

test("HTTP › a request › has its commands, tags and credentials", async () => {
  await using server = await fake(response('[["doveadmResponse",[],"0"]]'));
  const parameters = { s: "é", b: false, n: 7, i: 2n ** 60n, l: ["x", "y"], u: undefined };
  const command = { method: "who", parameters };
  await eventsOf(apiOf(server.url), [command]);
  const url = new URL(server.url);
  url.username = "other";
  url.password = "hidden";
  await eventsOf(apiOf(url, { password: "pässword" }), [command]);
  await eventsOf(apiOf(server.url, { username: "root", password: "" }), [command]);
  await eventsOf(apiOf(server.url, { apiKey: "kéy" }), [command]);
  await eventsOf(apiOf(server.url, { password: undefined }), [command]);
  const bytesOf = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
  assert.deepEqual(server.got.map(({ headers }) => headers.get("authorization")), [
    `Basic ${btoa("doveadm:s3cret")}`,
    `Basic ${btoa(bytesOf("doveadm:pässword"))}`,
    `Basic ${btoa("root:")}`,
    `X-Dovecot-API ${btoa(bytesOf("kéy"))}`,
    null,
  ]);
  for (const { line, headers, body } of server.got) {
    assert.equal(line, "POST /doveadm/v1 HTTP/1.1");
    assert.equal(headers.get("content-type"), "application/json");
    assert.deepEqual(JSON.parse(body), [[
      "who",
      { s: "é", b: false, n: 7, i: "1152921504606846976", l: ["x", "y"] },
      "0",
    ]]);
  }
});

test("HTTP › answers › are matched by their tags", async () => {
  await using server = await fake(
    response(
      '[["doveadmResponse",[{"a":"1"},{"a":"2"}],"0"]["error",{"type":"unknownMethod"},"2"],' +
        '["doveadmResponse",{"x":[]},"3"],["doveadmResponse",[{"a":"3"}],"1"]]',
    ),
  );
  const events = await eventsOf(apiOf(server.url), [list, who, who, who]);
  assert.deepEqual(
    events.map((event) => event.type === "failure" ? { ...event, error: event.error.code } : event),
    [
      { type: "row", command: 0, row: { a: "1" } },
      { type: "row", command: 0, row: { a: "2" } },
      { type: "end", command: 0 },
      { type: "failure", command: 2, error: "" },
      { type: "end", command: 3, value: { x: [] } },
      { type: "row", command: 1, row: { a: "3" } },
      { type: "end", command: 1 },
    ],
  );
});

test("HTTP › invalid commands › are refused before anything is sent", async () => {
  const bad: readonly (readonly HttpCommand[])[] = [
    [],
    [{ method: "a\0b", parameters: {} }],
    [{ method: "who", parameters: { mask: "a\0b" } }],
    [{ method: "who", parameters: { mask: ["a\0b"] } }],
    [{ method: "who", parameters: { "a\0": "b" } }],
    [{ method: "who", parameters: { mask: "é\ud83d" } }],
    [{ method: "who", parameters: { mask: ["\udd4a"] } }],
    [{ method: "who", parameters: { mask: 1.5 } }],
    [{ method: "who", parameters: { mask: NaN } }],
    [{ method: "who", parameters: { mask: {} as string } }],
    [{ method: "who", parameters: { mask: [1] as unknown as string[] } }],
    [{ method: "who", parameters: { mask: null as unknown as string } }],
  ];
  const refuse = () => assert.fail("something was sent");
  const api = apiOf(new URL("http://127.0.0.1/doveadm/v1"), { fetch: refuse });
  for (const commands of bad) {
    const error = await errorOf(eventsOf(api, commands));
    assert(error instanceof LocalProtocolError, error.message);
    assert.equal(error.sent, false);
  }
});

test("HTTP › answers that don't fit the request › RemoteProtocolError with what is unanswered", async () => {
  const cases: readonly [body: string, message: RegExp, unanswered: readonly number[]][] = [
    ["[]", /it has no answer to "mailbox list, who"/, [0, 1]],
    ['[["doveadmResponse",[],"0"]]', /it has no answer to "who"/, [1]],
    ['[["doveadmResponse",[],"9"]]', /it has a tag that was not sent, "9"/, [0, 1]],
    ['[["doveadmResponse",[],"0"],["doveadmResponse",[],"0"]]', /the tag "0" twice/, [1]],
    ['[["doveadmResponse",[{}],"1"]]', /rows for the tag "1" before the turn of "0"/, [0, 1]],
    ['[["error",{},"0"]]', /an error without a type/, [1]],
    [
      '[["doveadmResponse",[],"0"],["doveadmResponse",[],"1"],["doveadmResponse",[{}],"1"]]',
      /more commands than were sent/,
      [],
    ],
    ["<html>hello</html>", /"<html>hello<\/html>" stands where/, [0, 1]],
  ];
  for (const [body, message, unanswered] of cases) {
    const error = await errorFor(response(body), [list, who]);
    assert(error instanceof RemoteProtocolError, error.message);
    assert.match(error.message, message);
    assert.match(
      error.message,
      /^The answer of http:\/\/127.0.0.1:\d+\/doveadm\/v1 to "mailbox list/,
    );
    assert.match(error.message, /HTTP 200/);
    assert.deepEqual([error.unanswered, error.sent], [unanswered, true]);
  }
});

test("HTTP › a whole response whose answers end too early › ConnectionLostError", async () => {
  for (
    const [body, message] of [
      ["", /it ends too early: before the "\[" of the answers/],
      ['[["doveadmResponse",[],"0"', /it ends too early: before the "\]" of an answer/],
      ['[["doveadmResponse",[{"a":"', /it ends too early: in the middle of a row/],
    ] as const
  ) {
    const error = await errorFor(response(body), [list, who]);
    assert(error instanceof ConnectionLostError && error.sent, error.message);
    assert.match(error.message, message);
  }
});

test("HTTP › a row beyond the limit › RemoteProtocolError with its name", async () => {
  const body = response(`[["doveadmResponse",[{"a":"${"x".repeat(1000)}"}],"0"]]`);
  const error = await errorFor(body, [list], { limits: { reply: 1000 } });
  assert(error instanceof RemoteProtocolError);
  assert.equal(error.limit, "reply");
});

test("HTTP › each status of Dovecot's and of proxies' › its error and its advice", async () => {
  const takes = 'WWW-Authenticate: X-Dovecot-API\r\nWWW-Authenticate: Basic Realm="doveadm"\r\n';
  type Class = new (...args: never[]) => DovewireError;
  const cases: readonly [answer: string, type: Class, one: boolean, message: RegExp][] = [
    [
      response("", "401 Authentication required", takes),
      AuthenticationError,
      false,
      /refused the password of "doveadm" \(HTTP 401\)\. Set "password" .* or "apiKey"/,
    ],
    [
      response("Path Not Found\r\n", "404 Path Not Found"),
      RemoteProtocolError,
      false,
      /HTTP 404, saying "Path Not Found"\. There is no doveadm API at that URL/,
    ],
    [
      response("JSON parse error: Excessive string size (> 32768)\r\n", "400 Bad Request"),
      RemoteProtocolError,
      false,
      /HTTP 400, saying "JSON parse error: Excessive string size \(> 32768\)"\. Dovecot 2.3 takes/,
    ],
    [response("", "413 Payload Too Large"), RemoteProtocolError, false, /HTTP 413\. Dovecot 2\.3/],
    [response("x", "403 No"), RemoteProtocolError, false, /is there a reverse proxy in front/],
    [response("", "500 Oh"), RemoteProtocolError, true, /neither doveadm_password nor/],
    [response("", "502 Bad Gateway"), RemoteProtocolError, true, /in front of Dovecot/],
    [response("[]", "201 Created"), RemoteProtocolError, true, /answers with 200/],
    [
      response("", "302 Found", "Location: http://127.0.0.1:1/?p=s3cret\r\n"),
      RemoteProtocolError,
      false,
      /redirects to "http:\/\/127.0.0.1:1\/\?p=…", and redirects are not followed/,
    ],
    [response("", "301 Moved"), RemoteProtocolError, false, /redirects elsewhere/],
    // A server that repeats what it was sent.
    [
      response(`Basic ${btoa("doveadm:s3cret")} or s3cret\u0001\n`, "418 Teapot"),
      RemoteProtocolError,
      true,
      /HTTP 418, saying "Basic … or …\\x01"\./,
    ],
  ];
  for (const [answer, type, sent, message] of cases) {
    const error = await errorFor(answer);
    assert(error instanceof type, `${error}`);
    assert.match(error.message, message);
    assert.equal(error.sent, sent, error.message);
  }
  const several = await errorFor(response("", "400 Bad Request"), [list, who]);
  assert.equal(several.sent, true, "the first command may have run");
});

test("HTTP › status 401 › says what to set, and shows no secret", async () => {
  await using server = await fake(
    response("", "401 No", "WWW-Authenticate: X-Dovecot-API\r\n"),
  );
  const cases: readonly [more: ApiOptions, message: RegExp][] = [
    [{ password: undefined }, /none was given\. Set "apiKey" \(its doveadm_api_key\)\.$/],
    [{ apiKey: "s3cret-key" }, /the server refused the API key/],
    [{ username: "root" }, /the server refused the password of "root"/],
  ];
  for (const [more, message] of cases) {
    const error = await errorOf(eventsOf(apiOf(server.url, more), [who]));
    assert(error instanceof AuthenticationError);
    assert.match(error.message, message);
    assert(!error.message.includes("s3cret"));
  }
});

test("HTTP › a connection that ends too early › ConnectionLostError with the likely reason", async () => {
  const head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
  const row = '[["doveadmResponse",[{"a":"1"}';
  const cases: readonly [answer: string | ((socket: Socket) => void), message: RegExp][] = [
    [
      "",
      /no response came, and the connection ended\. Dovecot closes the connection without an error/,
    ],
    [(socket) => socket.resetAndDestroy(), /no response came/],
    [`${head}Content-Length: 100\r\n\r\n${row}`, /the response was cut short/],
    [`${head}Transfer-Encoding: chunked\r\n\r\n1e\r\n${row}\r\n`, /the response was cut short/],
  ];
  for (const [answer, message] of cases) {
    const error = await errorFor(answer);
    assert(error instanceof ConnectionLostError, `${error}`);
    assert.match(error.message, message);
    assert.match(error.message, /^"mailbox list" was not answered by http:/);
    assert.equal(error.sent, true);
  }
  assert.match(
    (await errorFor("", [list, who, who, who])).message,
    /"mailbox list, who, who and 1 more"/,
  );
  const large = { method: "who", parameters: { mask: "x".repeat(2_000_000) } };
  assert.match((await errorFor("", [large])).message, /has 20000\d\d bytes\. Dovecot 2\.3 takes/);
  const fetching = { method: "fetch", parameters: {} };
  assert.match((await errorFor("", [fetching])).message, /crashes as well on long values/);
});

test("HTTP › a server of doveadm's own protocol › an error that says so", async () => {
  const error = await errorFor("VERSION\tdoveadm-client\t1\t2\n-\n");
  assert(error instanceof RemoteProtocolError, `${error}`);
  assert.match(error.message, /is not HTTP/);
});

test("HTTP › no server, and no TLS › ConnectError", async () => {
  const gone = await fake("");
  await gone[Symbol.asyncDispose]();
  await using plain = await listen("tcp", (socket) => {
    socket.once("data", () => socket.end(response("", "400 Bad Request")));
  });
  assert(plain.address.transport === "tcp");
  const secure = new URL(`https://127.0.0.1:${plain.address.port}/doveadm/v1`);
  const forbidden = new URL("http://127.0.0.1:1/doveadm/v1");
  for (const url of [gone.url, secure, forbidden]) {
    await leavingNothing(async () => {
      const error = await errorOf(eventsOf(apiOf(url), [who]));
      assert(error instanceof ConnectError, `${error}`);
      assert.equal(error.sent, false);
      assert(error.message.startsWith(`Cannot connect to ${url}: `), error.message);
    });
  }
});

test("HTTP › abort before, while waiting, in the body, and between rows › AbortError", async () => {
  const reason = new Error("enough");
  const early = AbortSignal.abort(reason);
  const never = () => assert.fail("something was sent");
  const nowhere = apiOf(new URL("http://127.0.0.1/"), { fetch: never });
  const ahead = await errorOf(eventsOf(nowhere, [list], { signal: early }));
  assert(ahead instanceof AbortError);
  assert.deepEqual([ahead.sent, ahead.cause], [false, reason]);

  const head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n";
  for (const beginning of ["", head, `${head}[["doveadmResponse",[{"a":"1"},`]) {
    const controller = new AbortController();
    const error = await errorFor(
      (socket) => {
        socket.write(beginning, () => setTimeout(() => controller.abort(reason), 20));
      },
      [list],
      { signal: controller.signal },
    );
    assert(error instanceof AbortError, `${error}`);
    assert.deepEqual([error.sent, error.cause], [true, reason]);
  }

  const rows = '[["doveadmResponse",[{"mailbox":"1"},{"mailbox":"2"}],"0"]]';
  await using server = await fake(response(rows));
  await leavingNothing(async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await using http = connect(server.url, {});
    const taken = http.rows("mailbox list", { user: "a" }, { signal });
    assert.equal((await taken.next()).done, false);
    controller.abort(reason);
    assert((await errorOf(taken.next())) instanceof AbortError);
  }, server);
});

test("HTTP › time-outs of a call and of a stream's pieces › TimeoutError", async () => {
  const head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n";
  for (const beginning of ["", `${head}[["doveadmResponse",[{"a":"1"},`]) {
    for (const isStream of [false, true]) {
      const error = await errorFor((socket) => socket.write(beginning), [list], {
        timeout: 100,
        isStream,
      });
      assert(error instanceof TimeoutError, `${error}`);
      assert.deepEqual([error.phase, error.sent], ["command", true]);
      assert.match(
        error.message,
        isStream ? /no more of its answer to "mailbox list"/ : /within 100 ms/,
      );
    }
  }
  // A stream's time limit pauses while no row is requested.
  await using server = await fake(response('[["doveadmResponse",[{"a":"1"}],"0"]]'));
  const typesIn = async (timeout: number) => {
    const types: string[] = [];
    for await (
      const { type } of eventsFor(apiOf(server.url), [list], { timeout, isStream: true })
    ) {
      types.push(type);
      await new Promise((resolve) => setTimeout(resolve, timeout + 50));
    }
    return types;
  };
  const types = await withEnoughTime(
    1_000,
    (timeout) => typesIn(timeout).catch((error) => error),
    (outcome) => !(outcome instanceof TimeoutError),
  );
  assert.deepEqual(types, ["row", "end"]);
});

test("HTTP › rows › are read no faster than they are taken, and leaving early ends the request", async () => {
  const chunk = new TextEncoder().encode(`,{"a":"${"x".repeat(65_526)}"}`.repeat(4));
  const total = 256 * 1024 * 1024;
  let written = 0;
  let isClosed = false;
  await using server = await fake((socket) => {
    socket.on("close", () => isClosed = true);
    socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + '[["doveadmResponse",[{}');
    const fill = () => {
      while (written < total && !socket.destroyed) {
        written += chunk.length;
        if (!socket.write(chunk)) return;
      }
      socket.end();
    };
    socket.on("drain", fill);
    fill();
  });
  await leavingNothing(async () => {
    let rows = 0;
    for await (const { type } of eventsFor(apiOf(server.url), [list], { isStream: true })) {
      assert.equal(type, "row");
      if (++rows < 3) continue;
      // Until the server gets nothing more rid of.
      for (let before = -1; before !== written;) {
        before = written;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      break;
    }
  }, server);
  while (!isClosed) await new Promise((resolve) => setTimeout(resolve, 5));
  assert(written < 64 * 1024 * 1024, `${written} bytes were sent to one who took three rows`);
});

test("HTTP › the list of commands › what a server offers", async () => {
  const methods = [{ command: "who", parameters: [{ name: "mask", type: "array" }] }];
  await using server = await fake(response(JSON.stringify(methods)));
  assert.deepEqual(await listFor(apiOf(server.url)), methods);
  assert.equal(server.got[0].line, "GET /doveadm/v1 HTTP/1.1");
  for (const body of ["", "{}", "[{}]", '[{"command":"x","parameters":[{}]}]', "[null]", "[1"]) {
    await using other = await fake(response(body));
    const error = await errorOf(listFor(apiOf(other.url)));
    assert(error instanceof RemoteProtocolError, `${error}`);
    assert.equal(error.sent, false);
  }
  await using closed = await fake("");
  const error = await errorOf(listFor(apiOf(closed.url)));
  assert(error instanceof ConnectionLostError);
  assert.equal(error.sent, false);
});
