import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConnectError,
  ConnectionLostError,
  ExtractorEndError,
  ExtractorFailure,
  LocalProtocolError,
  openExtractor,
  RemoteProtocolError,
} from "../../../extractor/client/extractor.ts";
import { encodeResponse, failureResponse } from "../../../extractor/messages/methods.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { type Answer, counted, errorOf, FakeExtractor, gate } from "./peers.ts";
import { until } from "../../harness/until.ts";

// The extractors here are fakes in memory, which behave like broken, hostile or slow ones.

test("extractor client › pipelined requests, byte by byte › answered in order", async () => {
  await leavingNothing(async () => {
    const fake = new FakeExtractor((_method, number) => counted(number), { cut: () => 1 });
    await using extractor = openExtractor({ transport: fake.open });
    const counts = await Promise.all(Array.from({ length: 300 }, () => extractor.count()));
    assert.deepEqual(counts.map(({ count }) => count), Array.from({ length: 300 }, (_, i) => i));
    assert.equal(fake.conversations, 1);
  });
});

test("extractor client › no request yet › no transport is opened", async () => {
  const fake = new FakeExtractor(() => counted(1));
  const extractor = openExtractor({ transport: fake.open });
  await extractor.close();
  assert.equal(fake.conversations, 0);
  // A transport that was given open is closed, used or not.
  const [here, there] = memoryPair();
  await openExtractor({ transport: here }).close();
  assert.equal(await there.read(), undefined);
});

test("extractor client › many requests › at most maxInFlight sent without an answer", async () => {
  const hold = gate();
  const fake = new FakeExtractor(async (_method, number) => {
    await hold.opened;
    return counted(number);
  });
  const sizes: number[] = [];
  await using extractor = openExtractor({
    transport: async () => {
      const transport = await fake.open();
      const write = transport.write.bind(transport);
      transport.write = (chunk) => {
        sizes.push(chunk.length);
        return write(chunk);
      };
      return transport;
    },
    limits: { maxInFlight: 3 },
  });
  const counts = Array.from({ length: 10 }, () => extractor.count());
  await until(() => fake.asked.length === 1);
  const request = 4 + "count".length + 4;
  assert.deepEqual(sizes, [3 * request]);
  hold.open();
  assert.deepEqual((await Promise.all(counts)).map(({ count }) => count), [...Array(10).keys()]);
});

test("extractor client › answers › plain values, valid in JSON", async () => {
  const time = { seconds: 1_704_103_200n, nanos: 0 };
  const head = {
    mid: "1.M2P3.host",
    size: 2n ** 40n,
    from: [{ name: "Zoë", address: "zoe@example.org" }],
    dateReceived: time,
    contentType: "multipart/mixed",
  };
  const inner = { contentType: "text/plain", size: 5n, content: { case: "text", value: "hello" } };
  const body = {
    contentType: "multipart/mixed",
    content: {
      case: "multipart",
      value: {
        parts: [
          { path: "1", ...inner },
          { path: "2", contentType: "image/png", filename: "a.png", size: 9n },
          {
            path: "3",
            contentType: "message/rfc822",
            content: {
              case: "mail",
              value: { head: { subject: "In it" }, body: { path: "3.1", ...inner } },
            },
          },
        ],
      },
    },
  };
  const answers: Record<string, Answer> = {
    list: encodeResponse("list", { mails: [head] }),
    search: encodeResponse("search", {
      mails: [{ ...head, dateReceived: { seconds: 2n ** 60n, nanos: 0 } }],
    }),
    "read-mail": encodeResponse("read-mail", { head, body } as object),
    part: encodeResponse("part", { part: { path: "2", size: 9n }, data: Uint8Array.of(1, 2) }),
  };
  const fake = new FakeExtractor((method) => answers[method]);
  await using extractor = openExtractor({ transport: fake.open });
  const [listed] = await extractor.list();
  assert.equal(listed.size, 2 ** 40);
  assert.deepEqual(listed.dateReceived, new Date("2024-01-01T10:00:00Z"));
  assert.equal(listed.dateSent, undefined);
  assert.deepEqual(listed.from, [{ name: "Zoë", address: "zoe@example.org" }]);
  assert.deepEqual(listed.cc, []);
  const [undated] = await extractor.search({ pattern: "x" });
  assert.equal(undated.dateReceived, undefined);
  const mail = await extractor.readMail(listed.mid);
  assert.deepEqual(mail.head, listed);
  assert.deepEqual(mail.body.parts?.map(({ path, text, filename }) => [path, text, filename]), [
    ["1", "hello", ""],
    ["2", undefined, "a.png"],
    ["3", undefined, ""],
  ]);
  assert.equal(mail.body.parts?.[2].mail?.head.subject, "In it");
  assert.equal(mail.body.parts?.[2].mail?.body.text, "hello");
  assert.equal(JSON.parse(JSON.stringify(mail)).head.dateReceived, "2024-01-01T10:00:00.000Z");
  const { part, data } = await extractor.part(listed.mid, "2");
  assert.deepEqual([part.path, part.size, [...data]], ["2", 9, [1, 2]]);
});

test("extractor client › a failure › thrown, later requests are answered", async () => {
  const failure = failureResponse(new ExtractorFailure("not-found", "There is no such mail."));
  const fake = new FakeExtractor((method) => method === "count" ? counted(7) : failure);
  await using extractor = openExtractor({ transport: fake.open });
  const [move, count, search] = await Promise.allSettled([
    extractor.move("1", ""),
    extractor.count(),
    extractor.send("something-new", Uint8Array.of()),
  ]);
  assert(move.status === "rejected" && move.reason instanceof ExtractorFailure);
  assert.deepEqual([move.reason.code, move.reason.sent], ["not-found", true]);
  assert.equal(move.reason.message, "There is no such mail.");
  assert(count.status === "fulfilled" && count.value.count === 7);
  assert(search.status === "rejected" && search.reason instanceof ExtractorFailure);
  assert.equal(fake.conversations, 1);
});

test("extractor client › an invalid answer › fails only its own request", async () => {
  const fake = new FakeExtractor((_method, number) =>
    number === 0 ? Uint8Array.of(0xff, 0xff) : number === 1 ? counted(1) : new Uint8Array(0)
  );
  await using extractor = openExtractor({ transport: fake.open });
  const [first, second] = await Promise.allSettled([extractor.count(), extractor.count()]);
  assert(first.status === "rejected" && first.reason instanceof RemoteProtocolError);
  assert(second.status === "fulfilled" && second.value.count === 1);
  const error = await errorOf(extractor.readMail("1"), RemoteProtocolError);
  assert.match(error.message, /no head/);
});

test("extractor client › rawPieces › the mail in pieces, error if cut short", async () => {
  const mail = Uint8Array.from({ length: 1000 }, (_, at) => at);
  let at = 0;
  const fake = new FakeExtractor(() => {
    const data = mail.subarray(at, at += 300);
    return encodeResponse("raw", { data, size: 1000n });
  });
  await using extractor = openExtractor({ transport: fake.open });
  const pieces: number[] = [];
  for await (const piece of extractor.rawPieces("1", { pieceSize: 300 })) pieces.push(piece.length);
  assert.deepEqual(pieces, [300, 300, 300, 100]);
  await errorOf(extractor.rawPieces("1", { pieceSize: 0 }).next(), LocalProtocolError);
  // The extractor has no more bytes, but the mail is incomplete.
  at = 900;
  const short = extractor.rawPieces("1", { pieceSize: 300 });
  assert.equal((await short.next()).value?.length, 100);
  const error = await errorOf(short.next(), RemoteProtocolError);
  assert.match(error.message, /gave 100 bytes of the mail "1", which has 1000/);
});

test("extractor client › invalid arguments › refused, nothing is sent", async () => {
  const fake = new FakeExtractor(() => counted(1));
  await using extractor = openExtractor({
    transport: fake.open,
    limits: { maxMessageSize: 100 },
  });
  for (
    const refused of [
      extractor.list({ start: -1 }),
      extractor.list({ end: 0.5 }),
      extractor.raw("1", { offset: -1 }),
      extractor.raw("1", { length: NaN }),
      extractor.add({ data: "x", dateReceived: new Date(NaN) }),
      extractor.add({ data: new Uint8Array(101) }),
      extractor.send("a\nb", new Uint8Array(0)),
      extractor.send("", new Uint8Array(0)),
      extractor.count("", { timeout: -1 }),
    ]
  ) {
    assert.equal((await errorOf(refused, LocalProtocolError)).sent, false);
  }
  assert.equal((await extractor.count()).count, 1);
  assert.deepEqual(fake.asked, ["count"]);
  for (
    const options of [
      { timeout: NaN },
      { connectTimeout: -1 },
      { closeTimeout: -1 },
      { limits: { maxInFlight: 0 } },
      { limits: { maxMessageSize: -1 } },
    ]
  ) {
    assert.throws(() => openExtractor({ transport: fake.open, ...options }), LocalProtocolError);
  }
});

test("extractor client › arguments of other types › refused, nothing is sent", async () => {
  const fake = new FakeExtractor(() => counted(1));
  const place = { command: ["x"], maildir: "a", systemUser: "b", mailUser: "c" };
  const spawn = () => Promise.reject(new Error("nothing is started"));
  const clients = [
    openExtractor({ transport: fake.open }),
    openExtractor({ ...place, spawn, version: 1 }),
  ];
  for (const client of clients) {
    await using extractor = client;
    for (const other of [undefined, null, 5, ["1"], {}]) {
      const text = other as unknown as string;
      const refused = [
        extractor.move("1", text),
        extractor.move(text, ""),
        extractor.remove(text),
        extractor.readMail(text),
        extractor.raw(text),
        extractor.part("1", text),
        extractor.search({ pattern: text }),
      ];
      for (const call of refused) await errorOf(call, LocalProtocolError);
      if (other === undefined) continue;
      await errorOf(extractor.add({ data: "x", folder: text }), LocalProtocolError);
      await errorOf(extractor.count(text), LocalProtocolError);
    }
    for (const data of [[1, 2], new Uint16Array(2), 5, null]) {
      await errorOf(extractor.add({ data: data as unknown as string }), LocalProtocolError);
    }
    const flag = "false" as unknown as boolean;
    await errorOf(extractor.add({ data: "x", seen: flag }), LocalProtocolError);
    await errorOf(extractor.readMail("1", { markSeen: flag }), LocalProtocolError);
    for (const method of ["bogus", "__proto__"]) {
      await errorOf(extractor.call(method as "count", {}), LocalProtocolError);
    }
  }
  assert.deepEqual(fake.asked, []);
});

test("extractor client › options of other types › LocalProtocolError", async () => {
  const fake = new FakeExtractor(() => counted(1));
  const place = { command: ["x"], maildir: "a", systemUser: "b", mailUser: "c" };
  const options = ["signal", "limits"];
  const programOptions = ["onStderr", "spawn", "credentials", "env", "cwd", "command"];
  await using extractor = openExtractor({ transport: fake.open });
  for (const other of [null, 5, true, Symbol("5"), 5n]) {
    const wrong = [
      ...[...options, ...programOptions].map((name) => ({ ...place, [name]: other })),
      ...options.map((name) => ({ transport: fake.open, [name]: other })),
      ...[{ transport: other }, other, { ...place, limits: { maxInFlight: String(other) } }],
    ];
    for (const given of wrong) {
      const make = () => openExtractor(given as unknown as Parameters<typeof openExtractor>[0]);
      assert.throws(make, LocalProtocolError);
    }
    const signal = other as unknown as AbortSignal;
    await errorOf(extractor.count("", { signal }), LocalProtocolError);
  }
  const command = "x" as unknown as string[];
  assert.throws(() => openExtractor({ ...place, command }), LocalProtocolError);
  assert.deepEqual(fake.asked, []);
});

test("extractor client › functions that return no transport and no process › LocalProtocolError, as often as called", async () => {
  const place = { command: ["x"], maildir: "a", systemUser: "b", mailUser: "c" };
  for (const other of [undefined, null, 5, "a text", {}, { read() {} }]) {
    const open = () => Promise.resolve(other as never);
    for (
      const options of [
        { transport: open },
        ...([1, 2, 3] as const).map((version) => ({ ...place, version, spawn: open })),
      ]
    ) {
      await using extractor = openExtractor(options);
      for (let call = 0; call < 2; call++) {
        const { sent, message } = await errorOf(extractor.folders(), LocalProtocolError);
        assert.match(
          message,
          /^"folders" was not sent: "(transport" is none\.|spawn" returned no ChildProcess:) /,
        );
        assert.equal(sent, false);
      }
    }
  }
});

test("extractor client › a process whose promises and functions fail › the request is rejected, close() resolves", async () => {
  const never = new Promise<never>(() => {});
  const place = { command: ["x"], maildir: "a", systemUser: "b", mailUser: "c", timeout: 0 };
  const broken = {
    "exited rejects": { exited: () => Promise.reject(new Error("no status")), kill() {} },
    "exited stays pending": { exited: () => never, kill() {} },
    "kill() throws": {
      exited: () => never,
      kill() {
        throw new Error("no process");
      },
    },
  };
  await Promise.all(
    Object.values(broken).flatMap(({ exited, kill }) =>
      ([1, 2, 3] as const).map(async (version) => {
        const spawn = () => {
          const [transport, there] = memoryPair();
          void there.close();
          const close = () => transport.close();
          const child = { transport, pid: 1, exited: exited(), kill, close };
          return Promise.resolve({ ...child, [Symbol.asyncDispose]: close });
        };
        const extractor = openExtractor({ ...place, version, spawn });
        await errorOf(extractor.folders(), ExtractorEndError);
        await extractor.close();
      })
    ),
  );
});

test("extractor client › the connection ends › sent requests are rejected, unsent ones go to the next", async () => {
  const fake = new FakeExtractor((_method, number) => number === 2 ? "exit" : counted(number));
  await using extractor = openExtractor({ transport: fake.open, limits: { maxInFlight: 2 } });
  const counts = await Promise.allSettled(Array.from({ length: 6 }, () => extractor.count()));
  // 0 and 1 were answered; 2 ended it after 3 was sent; 4 and 5 had not been sent.
  assert.deepEqual(counts.map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "rejected",
    "rejected",
    "fulfilled",
    "fulfilled",
  ]);
  for (const count of counts.slice(2, 4)) {
    assert(count.status === "rejected" && count.reason instanceof ConnectionLostError);
    assert.equal(count.reason.sent, true);
    assert.match(count.reason.message, /^"count" was not answered by memory: the connection ended/);
  }
  assert.equal(fake.conversations, 2);
});

test("extractor client › the connection ends without any answer › all rejected, next call reconnects", async () => {
  const fake = new FakeExtractor((_method, number) => number === 0 ? "exit" : counted(number));
  await using extractor = openExtractor({ transport: fake.open, limits: { maxInFlight: 1 } });
  const [first, second] = await Promise.allSettled([extractor.count(), extractor.count()]);
  assert(first.status === "rejected" && first.reason instanceof ConnectionLostError);
  assert(second.status === "rejected" && second.reason instanceof ConnectionLostError);
  assert.deepEqual([first.reason.sent, second.reason.sent], [true, false]);
  assert.equal(fake.conversations, 1);
  assert.equal((await extractor.count()).count, 1);
  assert.equal(fake.conversations, 2);
});

test("extractor client › garbage, answers cut short, bytes without a request › rejected with the reason", async () => {
  for (
    const [bytes, kind, expected] of [
      [[0, 0, 0, 9, 8, 7], "cut-short", /cut short after 2 of its 9 bytes/],
      [[0, 0], "cut-short", /cut short in its length/],
      [[0, 0, 0, 0, 0x21, 0x22], "trailing-bytes", /sent "!\\"" while no request/],
      [[...new TextEncoder().encode("Segmentation fault")], undefined, /maxMessageSize/],
    ] as const
  ) {
    const [here, there] = memoryPair();
    await using extractor = openExtractor({ transport: here });
    const counts = Promise.allSettled([extractor.count()]);
    await there.read();
    await there.write(Uint8Array.from(bytes));
    if (kind !== "trailing-bytes") await there.closeWrite();
    const [count] = await counts;
    if (kind === "trailing-bytes") {
      assert.equal(count.status, "fulfilled");
      continue;
    }
    assert(count.status === "rejected" && count.reason instanceof RemoteProtocolError);
    assert.match(count.reason.message, expected);
    assert.equal(count.reason.sent, true);
    if (kind !== undefined) {
      assert(count.reason instanceof ExtractorEndError);
      assert.equal(count.reason.kind, kind);
    } else {
      assert.equal(count.reason.limit, "maxMessageSize");
    }
    const next = await errorOf(extractor.count(), ConnectError);
    assert.match(next.message, /has ended, and there is no other/);
  }
});
