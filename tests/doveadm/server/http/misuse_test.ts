/**
 * What the HTTP API makes of wrong options, and of handlers and functions that misbehave.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DoveadmHandler,
  type HttpCommandInfo,
  httpHandler,
  type HttpHandlerOptions,
  LocalProtocolError,
  nodeListener,
  type NodeRequest,
  type NodeResponse,
  serve,
} from "../../../../doveadm/server/mod.ts";
import { password, post, run } from "./requests.ts";

/** An API, and the errors that it reports. */
function reporting(handler: DoveadmHandler, options: object = {}) {
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  return { api: httpHandler(handler, { password, onError, ...options }), errors };
}

const others = [null, 5, "5", Symbol("5"), 5n] as const;

for (const name of ["authenticate", "addressOf", "onError", "limits", "commands"]) {
  test(`HTTP API › ${name} of another type › LocalProtocolError that names it`, () => {
    for (const value of others) {
      const options = { ...(name === "authenticate" ? {} : { password }), [name]: value };
      assert.throws(() => httpHandler(() => [], options), (error: Error) => {
        assert(error instanceof LocalProtocolError, `${error}`);
        return error.message.startsWith(`"${name}" is not a`);
      });
    }
  });
}

test("HTTP API, serve › no handler, no options › LocalProtocolError", async () => {
  for (const value of [undefined, ...others]) {
    const handler = value as unknown as DoveadmHandler;
    const message = /^LocalProtocolError: The handler is not a function/;
    assert.throws(() => httpHandler(handler, { password }), message);
    await assert.rejects(serve({ hostname: "127.0.0.1", port: 0, password }, handler), message);
  }
  for (const value of [undefined, null]) {
    const options = value as unknown as HttpHandlerOptions;
    assert.throws(() => httpHandler(() => [], options), /options are not an object/);
  }
});

test("serve › onError, takesInput, preauthenticated of another type › LocalProtocolError that names it", async () => {
  for (const name of ["onError", "takesInput", "authenticate", "preauthenticated", "tls"]) {
    const options = { hostname: "127.0.0.1", port: 0, [name]: "5" };
    await assert.rejects(serve(options, () => []), (error: Error) => {
      return error instanceof LocalProtocolError && error.message.startsWith(`"${name}" is not a`);
    });
  }
});

test("HTTP API › descriptions of another shape › LocalProtocolError", () => {
  const wrong = [
    ...[undefined, null, { name: 5 }, { name: "a", parameters: null }, {
      name: "a",
      required: null,
    }],
    ...[{ name: "a", required: [5] }, { name: "a", input: null }, { name: "a", mail: "no" }],
    ...[{ name: "a", columns: null }, { name: "a", columns: "id" }, { name: "a", columns: [5] }],
    // deno-lint-ignore no-sparse-arrays -- as a caller may have made it
    { name: "a", columns: [, "id"] },
  ];
  for (const each of wrong) {
    const commands = [each as HttpCommandInfo];
    assert.throws(
      () => httpHandler(() => [], { password, commands }),
      LocalProtocolError,
      JSON.stringify(each),
    );
  }
});

test("HTTP API › columns that throw, or return none › a failure of the command alone, or status 500", async () => {
  const columns = (given: unknown) => [{ name: "a", columns: () => given as string[] }, "who"];
  const noList = reporting(() => ["1"], { commands: columns("id") });
  assert.deepEqual(await run(noList.api, "a"), ["error", { type: "exitCode", exitCode: 64 }, "t"]);
  const mistake = new Error("a mistake");
  const throwing = () => {
    throw mistake;
  };
  const { api, errors } = reporting(() => [], { commands: [{ name: "a", columns: throwing }] });
  assert.equal((await api(post([["a", {}, "t"]]))).status, 500);
  assert.deepEqual(errors, [mistake]);
});

test("HTTP API › addressOf that throws, or returns no text › status 500, and the error is reported", async () => {
  const mistake = new Error("a mistake");
  const throwing = () => {
    throw mistake;
  };
  for (const addressOf of [throwing, () => 5, () => null, () => Promise.resolve("192.0.2.1")]) {
    const { api, errors } = reporting(() => [], { addressOf });
    assert.equal((await api(post([["who", {}, "t"]]))).status, 500);
    assert.equal(errors.length, 1);
    assert(errors[0] === mistake || errors[0] instanceof LocalProtocolError);
  }
});

test("HTTP API › a request whose body was read › status 500 and a LocalProtocolError that says so", async () => {
  const { api, errors } = reporting(() => []);
  const request = post([["who", {}, "t"]]);
  await request.text();
  assert.equal((await api(request)).status, 500);
  assert(errors[0] instanceof LocalProtocolError);
  assert.match(errors[0].message, /was read before/);
});

test("HTTP API › authenticate that never answers › ends with the time, or with the client", async () => {
  const authenticate = () => new Promise<never>(() => {});
  const { api, errors } = reporting(() => [], { password: undefined, authenticate, timeout: 20 });
  assert.equal((await api(post([]))).status, 500);
  assert.match((errors[0] as Error).message, /^"authenticate" took longer than 20 ms\.$/);
  const patient = reporting(() => [], { password: undefined, authenticate });
  const client = new AbortController();
  const second = patient.api(post([], { signal: client.signal }));
  client.abort();
  assert.equal((await second).status, 400);
  assert.deepEqual(patient.errors, []);
});

test("HTTP API › replies and fields of other types › TEMPFAIL, and a LocalProtocolError that says what to return", async () => {
  const pieces = async function* () {
    yield "text" as unknown as Uint8Array;
  };
  const replies = [
    ...[null, 5, 5n, Symbol("5"), {}, () => {}, [null], [5], [{}], [{ text: 5 }], [{ text: null }]],
    [pieces()],
  ];
  for (const reply of replies) {
    const { api, errors } = reporting(() => reply as Iterable<string>);
    const answer = await run(api, "mailboxList", { user: "alice" });
    assert.deepEqual(answer, ["error", { type: "exitCode", exitCode: 75 }, "t"]);
    assert(errors[0] instanceof LocalProtocolError, String(errors[0]));
    assert.match(errors[0].message, /Return an iterable of fields|Use an async iterable of Uint8/);
  }
});

test("HTTP API › a handler that throws what has no message › TEMPFAIL", async () => {
  const { api } = reporting(() => {
    throw Object.create(null);
  });
  const answer = await run(api, "who", {}, { prefer: "doveadm-log" });
  const { log } = answer[3] as { log: { message: string }[] };
  assert.equal(log[0].message, '"who" failed: an error without a message');
});

test("HTTP API › log lines of another level or type › LocalProtocolError, and the limit holds", async () => {
  for (const [level, message] of [["bad", "x"], ["__proto__", "x"], ["info", undefined]]) {
    const { api, errors } = reporting(({ log }) => {
      log(level as "info", message as string);
      return [];
    });
    assert.equal((await run(api, "who"))[0], "error");
    assert(errors[0] instanceof LocalProtocolError);
  }
});

/** A response as `node:http` has it, of which nothing is sent. */
class FakeResponse implements NodeResponse {
  statusMessage = "";
  statusCode = 0;
  closed = false;
  writableFinished = false;
  headersSent = false;
  readonly headers: Record<string, unknown> = {};
  readonly written: Uint8Array[] = [];
  #ended!: () => void;
  readonly ended = new Promise<void>((resolve) => this.#ended = resolve);
  setHeader = (name: string, value: unknown) => this.headers[name] = value;
  write = (chunk: Uint8Array) => this.written.push(chunk) > 0;
  end = () => this.#ended();
  destroy = () => this.#ended();
  once = () => {};
  on = () => {};
  off = () => {};
}

function requestFor(url: string): NodeRequest {
  return {
    ...{ method: "GET", url, rawHeaders: [], complete: true, socket: {} },
    [Symbol.asyncIterator]: async function* () {},
  };
}

test("nodeListener › a target with two slashes › is a path, and not a host", async () => {
  const paths: string[] = [];
  const listener = nodeListener((request) => {
    paths.push(new URL(request.url).pathname);
    return new Response();
  });
  const targets = ["//evil/doveadm/v1", "/doveadm/v1?x", "http://host/doveadm/v1", "*"];
  for (const target of targets) {
    const response = new FakeResponse();
    listener(requestFor(target), response);
    await response.ended;
  }
  assert.deepEqual(paths, ["//evil/doveadm/v1", "/doveadm/v1", "/doveadm/v1", "/*"]);
});

test("nodeListener › a body that fails at once › status 500 without the other response's headers", async () => {
  const body = new ReadableStream<Uint8Array>({
    pull: () => Promise.reject(new Error("a mistake")),
  });
  const response = new FakeResponse();
  nodeListener(() => new Response(body, { headers: { "content-length": "100" } }))(
    requestFor("/"),
    response,
  );
  await response.ended;
  assert.equal(response.statusCode, 500);
  assert.deepEqual(response.headers, {});
});
