import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame } from "../../../core/extractor/mod.ts";
import { decodeResponse, encodeRequest, failureIn } from "../../../extractor/messages/methods.ts";
import {
  ExtractorFailure,
  type ExtractorHandler,
  LocalProtocolError,
  serveExtractor,
  type ServeExtractorOptions,
  type Transport,
} from "../../../extractor/server/mod.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { answersIn } from "../harness/frames.ts";
import { leavingNothing } from "../../harness/leftovers.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const sleep = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

/** A session in memory, and the errors it reports. */
interface Setup {
  readonly client: Transport;
  readonly session: Promise<number>;
  readonly errors: unknown[];
}

function start(handler: ExtractorHandler, options: ServeExtractorOptions = {}): Setup {
  const [client, server] = memoryPair();
  const errors: unknown[] = [];
  const session = serveExtractor(server, handler, {
    onError: (error) => errors.push(error),
    ...options,
  });
  return { client, session, errors };
}

/** Sends everything, closes its end, and returns the response, the exit code and the reported errors. */
async function converse(
  input: Uint8Array,
  handler: ExtractorHandler,
  options: ServeExtractorOptions = {},
): Promise<{ output: Uint8Array; code: number; errors: unknown[] }> {
  const { client, session, errors } = start(handler, options);
  const writing = client.write(input).then(() => client.closeWrite()).catch(() => {});
  const output = await rest(client);
  await writing;
  await client.close();
  return { output, code: await session, errors };
}

/** Everything that a transport still yields. */
async function rest(transport: Transport): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let chunk; (chunk = await transport.read()) !== undefined;) chunks.push(chunk);
  return joined(...chunks);
}

function joined(...chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function requests(...pairs: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  return joined(...pairs.flatMap(([method, message]) => [
    encodeFrame(bytes(method)),
    encodeFrame(message),
  ]));
}

const nothing = new Uint8Array(0);

test("serveExtractor › version 3 › answers as expected, byte for byte", () =>
  leavingNothing(async () => {
    // deno-fmt-ignore
    const input = Uint8Array.of(
      0, 0, 0, 4, ...bytes("auth"), 0, 0, 0, 0,
      0, 0, 0, 5, ...bytes("count"), 0, 0, 0, 6, 0x0a, 4, ...bytes("Sent"),
      0, 0, 0, 7, ...bytes("folders"), 0, 0, 0, 0,
    );
    const asked: string[] = [];
    const { output, code, errors } = await converse(input, {
      auth: () => ({}),
      count: async ({ folder }) => {
        asked.push(folder);
        await sleep(5);
        return { count: 3n, size: 300n, unseen: 1n };
      },
      folders: () => ({ folders: ["Sent"] }),
    });
    // deno-fmt-ignore
    assert.deepEqual([...output], [
      0, 0, 0, 0,
      0, 0, 0, 7, 0x08, 3, 0x10, 0xac, 0x02, 0x18, 1,
      0, 0, 0, 6, 0x0a, 4, ...bytes("Sent"),
    ]);
    assert.deepEqual([code, errors, asked], [0, [], ["Sent"]]);
  }));

test("serveExtractor › version 3, a failure › is an answer, and the session goes on", () =>
  leavingNothing(async () => {
    const mistake = new TypeError("the secret is 42");
    const input = requests(
      ["list", encodeRequest("list", { end: 1 })],
      ["Count", nothing],
      ["count", nothing],
      ["search", nothing],
      ["raw", nothing],
      ["part", nothing],
      ["move", bytes("\x0a\xff")],
      ["constructor", nothing],
      ["read-mail", nothing],
      ["auth", nothing],
    );
    const { output, code, errors } = await converse(input, {
      list: () => {
        throw new ExtractorFailure("not-found", "There is no such folder.");
      },
      search: () => Promise.reject(new ExtractorFailure("limit", "Too much.")),
      raw: () => {
        throw mistake;
      },
      part: () => Promise.reject(mistake),
      move: () => ({}),
      // An error of the handler that shows only when its answer is written.
      "read-mail": () => ({ head: { size: -1n } }),
      auth: () => ({}),
    });
    const failures = answersIn(output).map((answer) => failureIn(answer));
    assert.deepEqual(failures.map((failure) => failure?.code), [
      ...["not-found", "unsupported", "unsupported", "limit", "internal", "internal", "invalid"],
      ...["unsupported", "internal", undefined],
    ]);
    assert.equal(failures[0]?.message, "There is no such folder.");
    assert.match(failures[1]!.message, /doesn't know the method "Count"/);
    assert(!text(output).includes("42"));
    assert.deepEqual(errors.slice(0, 2), [mistake, mistake]);
    assert(errors[2] instanceof LocalProtocolError);
    assert.deepEqual([code, errors.length], [0, 3]);
  }));

/** What some libraries have for a promise: its then() returns one of them, which is no Promise. */
class Query<Value> {
  readonly #value: Promise<Value>;

  constructor(value: Promise<Value>) {
    this.#value = value;
  }

  then<Result>(act?: (value: Value) => Result, fail?: (error: unknown) => Result): Query<unknown> {
    return new Query<unknown>(this.#value.then(act, fail));
  }

  catch<Result>(fail: (error: unknown) => Result): Query<unknown> {
    return this.then<unknown>(undefined, fail);
  }
}

test("serveExtractor › promises that are no Promise › are waited for", () =>
  leavingNothing(async () => {
    const { output, code, errors } = await converse(
      requests(["folders", nothing], ["auth", nothing]),
      {
        folders: () => new Query(Promise.resolve({ folders: ["Sent"] })) as never,
        auth: () => new Query(Promise.reject(new ExtractorFailure("limit", "Too much."))) as never,
      },
    );
    const [folders, failure] = answersIn(output);
    assert.deepEqual(decodeResponse("folders", folders).folders, ["Sent"]);
    assert.equal(failureIn(failure)?.code, "limit");
    assert.deepEqual([code, errors], [0, []]);
  }));

test("serveExtractor › a method that returns no object › is the failure internal", () =>
  leavingNothing(async () => {
    const others = [undefined, null, "a text", 5, Promise.resolve(undefined)];
    const input = requests(...others.map(() => ["count", nothing] as const));
    const { output, code, errors } = await converse(input, {
      count: () => others.shift() as never,
    });
    const codes = answersIn(output).map((answer) => failureIn(answer)?.code);
    assert.deepEqual(codes, Array(5).fill("internal"));
    assert.equal(code, 0);
    assert.match(
      String(errors[0]),
      /^LocalProtocolError: The handler's method "count" returned undefined\./,
    );
    assert(errors.every((error) => error instanceof LocalProtocolError));
  }));

test("serveExtractor › version 3, invalid requests › end the session with 4, after earlier answers", () =>
  leavingNothing(async () => {
    const good = requests(["auth", nothing]);
    const cases: [Uint8Array, RegExp][] = [
      [bytes("\0\0\0\x04co\nt\0\0\0\0"), /where a method's name should be/],
      [bytes("\0\0\0\0\0\0\0\0"), /where a method's name should be/],
      [bytes("\0\0\0\x05cou"), /ended within a method's name/],
      [bytes("\0\0"), /ended within a method's name/],
      [bytes("\0\0\0\x05count\0\0\0\x02a"), /ended within a request "count"/],
      [bytes("\0\0\0\x41"), /method's name of 65 bytes.*maxMethodSize/],
      [Uint8Array.of(0, 0, 0, 5, ...bytes("count"), 255, 255, 255, 255), /maxMessageSize/],
      [bytes("GET / HTTP/1.1\r\n\r\n"), /maxMethodSize/],
    ];
    for (const [bad, message] of cases) {
      const { output, code, errors } = await converse(joined(good, good, bad), {
        auth: () => ({}),
      });
      assert.deepEqual([...output], [0, 0, 0, 0, 0, 0, 0, 0]);
      assert.deepEqual([code, errors.length], [4, 1]);
      assert.match((errors[0] as Error).message, message);
    }
  }));

test("serveExtractor › an answer over the limit › is a failure that says what to do", () =>
  leavingNothing(async () => {
    const handler: ExtractorHandler = {
      raw: ({ length }, { maxMessageSize }) => {
        assert.equal(maxMessageSize, 1000);
        return { data: new Uint8Array(Number(length)) };
      },
    };
    const limits = { maxMessageSize: 1000 };
    const raw = (length: bigint) => encodeRequest("raw", { mid: "1", length });
    const input = requests(["raw", raw(998n)], ["raw", raw(997n)]);
    const [tooLarge, fits] = answersIn((await converse(input, handler, { limits })).output);
    assert.equal(failureIn(tooLarge)?.code, "limit");
    assert.match(failureIn(tooLarge)!.message, /has 1001 bytes; the limit is 1000.*offset/);
    assert.equal(fits.length, 1000);

    const second = await converse(raw(998n), handler, { version: 2, method: "raw", limits });
    assert.deepEqual([failureIn(second.output)?.code, second.code], ["limit", 3]);

    const first = (length: string) =>
      converse(nothing, handler, { version: 1, method: "raw", args: ["1", "0", length], limits });
    const header = '{"content_type":"message/rfc822","size":0}\n';
    const most = 1000 - header.length;
    assert.equal(text((await first(String(most))).output.subarray(0, header.length)), header);
    const { output, code } = await first(String(most + 1));
    assert.deepEqual([JSON.parse(text(output)).code, code], ["limit", 3]);
  }));

test("serveExtractor › a failure whose message is over the limit › is cut, and the session goes on", () =>
  leavingNothing(async () => {
    const handler: ExtractorHandler = {
      count: ({ folder }) => {
        throw new ExtractorFailure("not-found", `There is no ${folder.repeat(1000)}.`);
      },
      auth: () => ({}),
    };
    const input = requests(["count", encodeRequest("count", { folder: "x" })], ["auth", nothing]);
    const { output, code } = await converse(input, handler, { limits: { maxMessageSize: 1000 } });
    const [cut, next] = answersIn(output).map((answer) => failureIn(answer));
    assert.deepEqual([cut?.code, next, code], ["not-found", undefined, 0]);
    assert.match(cut!.message, /^There is no x{488}…$/);
  }));

const codes: readonly (readonly [string, number])[] = [
  ["not-found", 3],
  ["limit", 3],
  ["storage", 3],
  ["internal", 3],
  ["something-else", 3],
  ["invalid", 4],
  ["unsupported", 6],
];

test("serveExtractor › versions 1 and 2, a failure › is sent, and sets the exit code", () =>
  leavingNothing(async () => {
    for (const [failure, exitCode] of codes) {
      const handler: ExtractorHandler = {
        count: () => {
          throw new ExtractorFailure(failure, "Because.");
        },
      };
      const second = await converse(nothing, handler, { version: 2, method: "count" });
      assert.deepEqual([failureIn(second.output)?.code, second.code], [failure, exitCode]);
      const options = { version: 1, method: "count", args: [""] } as const;
      const first = await converse(nothing, handler, options);
      assert.deepEqual(JSON.parse(text(first.output)), { error: "Because.", code: failure });
      assert.equal(first.code, exitCode);
      assert.deepEqual([...first.errors, ...second.errors], []);
    }
  }));

test("serveExtractor › version 2 › reads one message and writes one", () =>
  leavingNothing(async () => {
    const handler: ExtractorHandler = {
      count: ({ folder }) => ({ count: BigInt(folder.length) }),
      auth: () => ({}),
    };
    const count = encodeRequest("count", { folder: "Sent" });
    const second = await converse(count, handler, { version: 2, method: "count" });
    assert.equal(decodeResponse("count", second.output).count, 4n);
    assert.equal(second.code, 0);
    const auth = await converse(nothing, handler, { version: 2, method: "auth" });
    assert.deepEqual([auth.output.length, auth.code], [0, 0]);
    for (const [method, input, code] of [["move", "", 6], ["count", "\x0a\xff", 4]] as const) {
      const bad = await converse(bytes(input), handler, { version: 2, method });
      assert.deepEqual([failureIn(bad.output) !== undefined, bad.code], [true, code]);
    }
    const limits = { maxMessageSize: 100 };
    const large = new Uint8Array(101);
    const tooLarge = await converse(large, handler, { version: 2, method: "count", limits });
    assert.deepEqual([tooLarge.output.length, tooLarge.code], [0, 4]);
    assert.match((tooLarge.errors[0] as Error).message, /maxMessageSize/);
  }));

test("serveExtractor › version 1 › reads arguments, writes JSON and bytes", () =>
  leavingNothing(async () => {
    const added: unknown[] = [];
    const handler: ExtractorHandler = {
      add: ({ folder, data, seen }) => {
        added.push([folder, text(data), seen]);
        return { mid: "1.host" };
      },
      raw: () => ({ data: bytes("a\nb"), size: 3n }),
      count: () => ({ count: 1n, size: 2n, unseen: 3n }),
    };
    const run = (method: string, args: string[], input = nothing) =>
      converse(input, handler, { version: 1, method, args });
    const add = await run("add", ["Sent", "true"], bytes("Subject: x\n\n"));
    assert.deepEqual([text(add.output), add.code], ['{"mid":"1.host"}\n', 0]);
    assert.deepEqual(added, [["Sent", "Subject: x\n\n", true]]);
    assert.equal(
      text((await run("raw", ["1"])).output),
      '{"content_type":"message/rfc822","size":3}\na\nb',
    );
    assert.deepEqual(JSON.parse(text((await run("count", [""])).output)), {
      count: 1,
      size: 2,
      new: 3,
    });
    assert.equal((await run("count", [])).code, 4);
    assert.equal((await run("count", ["", ""])).code, 4);
    assert.equal((await run("raw", ["1", "x"])).code, 4);
    assert.equal((await run("folders", [])).code, 6);
  }));

test("serveExtractor › version 1 › doesn't wait for unused input", () =>
  leavingNothing(async () => {
    const [client, server] = memoryPair();
    server.read = () => Promise.reject(new Error("it was read"));
    const options = { version: 1, method: "auth" } as const;
    const session = serveExtractor(server, { auth: () => ({}) }, options);
    assert.equal(text(await rest(client)), "{}\n");
    assert.equal(await session, 0);
    await client.close();
  }));

test("serveExtractor › a client that reads nothing › gets no more answers", () =>
  leavingNothing(async () => {
    let answered = 0;
    const { client, session } = start({
      raw: () => {
        answered++;
        return { data: new Uint8Array(10_000) };
      },
    });
    const raw = requests(["raw", nothing]);
    const input = joined(...Array.from({ length: 2000 }, () => raw));
    const writing = client.write(input).then(() => client.closeWrite());
    await sleep(50);
    assert(answered < 30, `${answered} requests were answered`);
    const output = await rest(client);
    await writing;
    assert.equal(answersIn(output).length, 2000);
    await client.close();
    assert.equal(await session, 0);
  }));

test("serveExtractor › requests and answers in pieces › are complete", () =>
  leavingNothing(async () => {
    const [client, server] = memoryPair({ cut: () => 1, capacity: 7 });
    const session = serveExtractor(server, { folders: () => ({ folders: ["Sent", "Trash"] }) });
    const input = joined(...Array.from({ length: 20 }, () => requests(["folders", nothing])));
    const writing = client.write(input).then(() => client.closeWrite());
    const answers = answersIn(await rest(client));
    await writing;
    assert.equal(answers.length, 20);
    assert.deepEqual(decodeResponse("folders", answers[19]).folders, ["Sent", "Trash"]);
    await client.close();
    assert.equal(await session, 0);
  }));

test("serveExtractor › an aborted signal › ends the session, even during a request", () =>
  leavingNothing(async () => {
    for (const isRunning of [false, true]) {
      const controller = new AbortController();
      let seen: unknown;
      const { client, session, errors } = start({
        auth: (_request, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => {
              seen = signal.reason;
              reject(signal.reason);
            });
          }),
      }, { signal: controller.signal });
      if (isRunning) await client.write(requests(["auth", nothing]));
      await sleep(5);
      controller.abort("enough");
      assert.equal(await session, 3);
      assert.deepEqual([seen, errors], [isRunning ? "enough" : undefined, []]);
      await client.close();
    }
    const { client, session } = start({}, { signal: AbortSignal.abort() });
    assert.equal(await session, 3);
    await client.close();
  }));

test("serveExtractor › a client idle for too long › is disconnected", () =>
  leavingNothing(async () => {
    const { client, session, errors } = start({
      // The time for answering doesn't count.
      auth: async () => {
        await sleep(60);
        return {};
      },
    }, { idleTimeout: 30 });
    await client.write(requests(["auth", nothing]));
    assert.equal((await client.read())?.length, 4);
    assert.equal(await session, 3);
    assert.match((errors[0] as Error).message, /sent nothing for 30 ms/);
    assert.equal(errors.length, 1);
    await client.close();
  }));

test("serveExtractor › a client that disconnects › is only logged", () =>
  leavingNothing(async () => {
    const { client, session, errors } = start({
      raw: async () => {
        await sleep(10);
        return { data: new Uint8Array(1_000_000) };
      },
    });
    await client.write(requests(["raw", nothing], ["raw", nothing]));
    await client.close();
    assert.equal(await session, 3);
    assert.equal(errors.length, 1);
  }));

test("serveExtractor › a client that stops reading › ends the session, even if it doesn't close its side", () =>
  leavingNothing(async () => {
    for (const version of [2, 3] as const) {
      const [client, server] = memoryPair();
      const gone = new Error("nobody reads");
      server.write = () => Promise.reject(gone);
      const errors: unknown[] = [];
      let answered = 0;
      const handler: ExtractorHandler = {
        auth: () => {
          answered++;
          return {};
        },
        count: () => ({ count: 1n }),
      };
      const session = serveExtractor(server, handler, {
        ...(version === 2 ? { version, method: "count" } : {}),
        onError: (error) => errors.push(error),
      });
      if (version === 2) await client.closeWrite();
      else await client.write(requests(["auth", nothing]));
      assert.equal(await session, 3);
      assert.deepEqual([errors, answered], [[gone], version - 2]);
      await client.close();
    }
  }));

test("serveExtractor › invalid options › reject", async () => {
  const [transport] = memoryPair();
  const cases: ServeExtractorOptions[] = [
    { version: 3, method: "auth" },
    { version: 3, args: [] },
    { version: 2 },
    { version: 2, method: "auth", args: [] },
    { version: 1 },
    { version: 4 as 3 },
    { version: 4 as 3, method: "auth" },
    { idleTimeout: -1 },
    { limits: { maxMessageSize: 0 } },
  ];
  for (const options of cases) {
    await assert.rejects(serveExtractor(transport, {}, options), LocalProtocolError);
  }
  const unknown = serveExtractor(transport, {}, { version: "3" as unknown as 3 });
  await assert.rejects(
    unknown,
    /^LocalProtocolError: "version" is 3\. Set it to the number 1, 2 or 3\.$/,
  );
  await transport.close();
});
