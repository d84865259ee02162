import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import {
  AbortError,
  ConnectError,
  ConnectionLostError,
  type Extractor,
  LocalProtocolError,
  openExtractor,
  TimeoutError,
} from "../../../extractor/client/extractor.ts";
import { encodeResponse } from "../../../extractor/messages/methods.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { TransportError } from "../../../transports/transport.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { type Answer, counted, errorOf, FakeExtractor, gate } from "./peers.ts";
import { until } from "../../harness/until.ts";

// The extractors here are fakes in memory, which behave like broken, hostile or slow ones.

const never = new Promise<Answer>(() => {});

test("extractor client › a request times out › rejected, its late answer is ignored", async () => {
  const hold = gate();
  const fake = new FakeExtractor(async (method, number) => {
    // It sends something, so that it doesn't count as hanging.
    if (number === 1) await hold.opened;
    return method === "count" ? counted(number) : encodeResponse("folders", { folders: ["x"] });
  });
  await using extractor = openExtractor({ transport: fake.open });
  const first = extractor.count();
  const late = extractor.count("", { timeout: 30 });
  const error = await errorOf(late, TimeoutError);
  assert.deepEqual([error.phase, error.sent], ["command", true]);
  assert.match(error.message, /^"count" was not answered by memory within 30 ms\./);
  assert.equal((await first).count, 0);
  const folders = extractor.folders();
  const third = extractor.count();
  hold.open();
  assert.deepEqual(await folders, ["x"]);
  assert.equal((await third).count, 3);
  assert.equal(fake.conversations, 1);
});

test("extractor client › nothing received during a time-out › the extractor is ended as hanging", async () => {
  await leavingNothing(async () => {
    const fake = new FakeExtractor((_method, number) => number === 0 ? never : counted(number));
    await using extractor = openExtractor({ transport: fake.open });
    const late = extractor.count("", { timeout: 30 });
    const other = extractor.folders({ timeout: 0 });
    const [lateOne, otherOne] = await Promise.allSettled([late, other]);
    assert(lateOne.status === "rejected" && lateOne.reason instanceof TimeoutError);
    assert(otherOne.status === "rejected" && otherOne.reason instanceof ConnectionLostError);
    assert.match(
      otherOne.reason.message,
      /"folders" was not answered by memory: the extractor was taken to hang .* 30 ms, while "count"/,
    );
    assert.equal(otherOne.reason.sent, true);
    assert.equal((await extractor.count()).count, 1);
    assert.equal(fake.conversations, 2);
  });
});

test("extractor client › opened late during a time-out › not ended as hanging", async () => {
  const hold = gate();
  const fake = new FakeExtractor(async (_method, number) => {
    await hold.opened;
    return counted(number);
  });
  await using extractor = openExtractor({
    async transport() {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return await fake.open();
    },
  });
  const late = errorOf(extractor.count("", { timeout: 320 }), TimeoutError);
  const other = extractor.count();
  await late;
  hold.open();
  await other;
  assert.equal(fake.conversations, 1);
});

test("extractor client › an earlier request has time left › not ended as hanging", async () => {
  const hold = gate();
  const fake = new FakeExtractor(async (_method, number) => {
    if (number === 0) await hold.opened;
    return number === 0 ? encodeResponse("search", {}) : counted(number);
  });
  await using extractor = openExtractor({ transport: fake.open });
  const search = extractor.search({ pattern: "x" }, { timeout: 0 });
  await errorOf(extractor.count("", { timeout: 30 }), TimeoutError);
  hold.open();
  assert.deepEqual(await search, []);
  assert.equal((await extractor.count()).count, 2);
  assert.equal(fake.conversations, 1);
});

test("extractor client › a waiting request times out › never sent", async () => {
  const hold = gate();
  const fake = new FakeExtractor(async (_method, number) => {
    await hold.opened;
    return counted(number);
  });
  await using extractor = openExtractor({ transport: fake.open, limits: { maxInFlight: 1 } });
  const first = extractor.count();
  const error = await errorOf(extractor.move("1", "", { timeout: 30 }), TimeoutError);
  assert.equal(error.sent, false);
  assert.match(error.message, /was not sent to memory within 30 ms/);
  hold.open();
  await first;
  await extractor.count();
  assert.deepEqual(fake.asked, ["count", "count"]);
});

test("extractor client › a request's signal aborts › rejected, sent or not", async () => {
  const hold = gate();
  const fake = new FakeExtractor(async (_method, number) => {
    await hold.opened;
    return counted(number);
  });
  await using extractor = openExtractor({ transport: fake.open, limits: { maxInFlight: 1 } });
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [extractor.count("", { signal }), extractor.move("1", "", { signal })];
  await until(() => fake.asked.length === 1);
  controller.abort(new Error("enough"));
  const errors = await Promise.all(calls.map((call) => errorOf(call, AbortError)));
  assert.deepEqual(errors.map(({ sent }) => sent), [true, false]);
  assert.equal((errors[0].cause as Error).message, "enough");
  assert.equal((await errorOf(extractor.count("", { signal }), AbortError)).sent, false);
  const next = extractor.count();
  hold.open();
  assert.equal((await next).count, 1);
  assert.deepEqual(fake.asked, ["count", "count"]);
});

test("extractor client › aborted before it was written › never sent", async () => {
  const hold = gate();
  const fake = new FakeExtractor((_method, number) => counted(number));
  let writes = 0;
  await using extractor = openExtractor({
    transport: async () => {
      const transport = await fake.open();
      const write = transport.write.bind(transport);
      transport.write = async (chunk) => {
        if (writes++ === 1) await hold.opened;
        return write(chunk);
      };
      return transport;
    },
  });
  await extractor.auth();
  // In the same turn as the call.
  const early = new AbortController();
  const first = errorOf(extractor.move("1", "", { signal: early.signal }), AbortError);
  early.abort();
  assert.equal((await first).sent, false);
  // While the extractor reads no more.
  const count = extractor.count();
  await until(() => writes === 2);
  const late = new AbortController();
  const others = [
    errorOf(extractor.move("2", "", { signal: late.signal }), AbortError),
    errorOf(extractor.remove("3", { timeout: 20 }), TimeoutError),
  ];
  const sent = extractor.count();
  late.abort();
  for (const other of await Promise.all(others)) assert.equal(other.sent, false, other.message);
  hold.open();
  await Promise.all([count, sent]);
  assert.deepEqual(fake.asked, ["auth", "count", "count"]);
});

test("extractor client › bytes changed after the call › sent as they were at the call", async () => {
  const [here, there] = memoryPair();
  const extractor = openExtractor({ transport: here, closeTimeout: 1 });
  const message = Uint8Array.of(1, 2);
  const sent = errorOf(extractor.send("x", message), ConnectionLostError);
  message.fill(9);
  assert.deepEqual(await there.read(), Uint8Array.of(0, 0, 0, 1, 0x78, 0, 0, 0, 2, 1, 2));
  await extractor.close();
  await sent;
  const none = "x" as unknown as Uint8Array;
  await errorOf(extractor.send("x", none), LocalProtocolError);
});

test("extractor client › a write fails › its request is rejected, the next one reconnects", async () => {
  await leavingNothing(async () => {
    const fake = new FakeExtractor((_method, number) => counted(number));
    await using extractor = openExtractor({
      transport: async () => {
        const transport = await fake.open();
        const write = transport.write.bind(transport);
        let writes = 0;
        transport.write = (chunk) => {
          if (fake.conversations > 1 || writes++ === 0) return write(chunk);
          return Promise.reject(new TransportError("reset", "It is gone."));
        };
        return transport;
      },
      timeout: 0,
    });
    assert.equal((await extractor.count()).count, 0);
    const error = await errorOf(extractor.count(), ConnectionLostError);
    assert.equal(error.sent, true);
    assert.equal((await extractor.count()).count, 1);
  });
});

test("extractor client › the transport's close() fails › close() resolves", async () => {
  for (const use of [false, true]) {
    const [here, there] = memoryPair();
    const close = here.close.bind(here);
    here.close = async () => {
      await close();
      throw new Error("It can't be closed.");
    };
    const extractor = openExtractor({ transport: here, closeTimeout: 20 });
    const count = use ? errorOf(extractor.count(), ConnectionLostError) : undefined;
    if (use) await there.read();
    await extractor.close();
    await count;
  }
});

test("extractor client › close() › earlier requests are answered", async () => {
  await leavingNothing(async () => {
    const fake = new FakeExtractor(async (_method, number) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return counted(number);
    });
    const extractor = openExtractor({ transport: fake.open, limits: { maxInFlight: 4 } });
    const counts = Array.from({ length: 20 }, () => extractor.count());
    const closing = extractor.close();
    const refused = await errorOf(extractor.count(), ConnectionLostError);
    assert.equal(refused.sent, false);
    assert.deepEqual((await Promise.all(counts)).map(({ count }) => count), [...Array(20).keys()]);
    await Promise.all([closing, extractor.close()]);
  });
});

test("extractor client › close() takes longer than closeTimeout › requests are rejected", async () => {
  await leavingNothing(async () => {
    const fake = new FakeExtractor(() => never);
    const extractor = openExtractor({
      transport: fake.open,
      closeTimeout: 50,
      limits: { maxInFlight: 1 },
    });
    const calls = [extractor.count(), extractor.count()].map((call) =>
      errorOf(call, ConnectionLostError)
    );
    await until(() => fake.asked.length === 1);
    await extractor.close();
    const errors = await Promise.all(calls);
    assert.deepEqual(errors.map(({ sent }) => sent), [true, false]);
    assert.match(errors[0].message, /50 ms were not enough/);
  });
});

test("extractor client › the client's signal aborts › all requests are rejected at once", async () => {
  await leavingNothing(async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const fake = new FakeExtractor(() => never);
    const extractor = openExtractor({ transport: fake.open, signal, limits: { maxInFlight: 1 } });
    const calls = [extractor.count(), extractor.count()].map((call) => errorOf(call, AbortError));
    await until(() => fake.asked.length === 1);
    controller.abort();
    assert.deepEqual((await Promise.all(calls)).map(({ sent }) => sent), [true, false]);
    await errorOf(extractor.count(), ConnectionLostError);
    await extractor.close();
    const born = openExtractor({ transport: fake.open, signal });
    await errorOf(born.count(), ConnectionLostError);
    await born.close();
  });
});

test("extractor client › the client's signal aborts, unused transport › the transport is closed", async () => {
  for (const isBorn of [false, true]) {
    const controller = new AbortController();
    const [here, there] = memoryPair();
    if (!isBorn) controller.abort();
    openExtractor({ transport: here, signal: controller.signal });
    controller.abort();
    assert.equal(await there.read(), undefined);
  }
});

test("extractor client › requests and client ended › no listeners left on the signals", async () => {
  let listeners = 0;
  const watched = (signal: AbortSignal) => {
    const { addEventListener, removeEventListener } = signal;
    Object.assign(signal, {
      addEventListener(this: AbortSignal, ...args: Parameters<typeof addEventListener>) {
        listeners++;
        addEventListener.apply(this, args);
      },
      removeEventListener(this: AbortSignal, ...args: Parameters<typeof removeEventListener>) {
        listeners--;
        removeEventListener.apply(this, args);
      },
    });
    return signal;
  };
  const fake = new FakeExtractor((_method, number) => number === 1 ? "exit" : counted(number));
  const signal = watched(new AbortController().signal);
  const extractor = openExtractor({ transport: fake.open, signal });
  await extractor.count("", { signal });
  await errorOf(extractor.count("", { signal }), ConnectionLostError);
  await errorOf(extractor.send("\n", new Uint8Array(0), { signal }), LocalProtocolError);
  assert.equal(listeners, 1);
  await extractor.close();
  await openExtractor({ transport: fake.open, signal: watched(AbortSignal.abort()) }).close();
  assert.equal(listeners, 0);
});

test("extractor client › opening the transport fails or times out › rejected, not sent", async () => {
  await leavingNothing(async () => {
    let attempts = 0;
    const late: (() => void)[] = [];
    let closed = 0;
    await using extractor = openExtractor({
      async transport({ signal }) {
        if (attempts++ === 0) throw new TransportError("refused", "Nobody listens.");
        const [here] = memoryPair();
        const close = here.close.bind(here);
        here.close = () => {
          closed++;
          return close();
        };
        await new Promise<void>((resolve) => late.push(resolve));
        assert(signal.aborted);
        return here;
      },
      connectTimeout: 30,
    });
    const refused = await Promise.all(
      [extractor.count(), extractor.count()].map((call) => errorOf(call, ConnectError)),
    );
    for (const error of refused) {
      assert.match(error.message, /^"count" was not sent: nobody listens/);
      assert.equal(error.sent, false);
    }
    const error = await errorOf(extractor.count(), TimeoutError);
    assert.deepEqual([error.phase, error.sent], ["connect", false]);
    assert.match(error.message, /connectTimeout/);
    late.forEach((resolve) => resolve());
    await until(() => closed > 0);
  });
});

test("extractor client › credentials › not in errors and inspections", async () => {
  const password = "s3cret-of-joe";
  const options = {
    maildir: "/nowhere",
    systemUser: "nobody",
    mailUser: "joe",
    credentials: { user: "joe", password, challenge: "ch4llenge" },
  };
  const shown: unknown[] = [];
  const extractor: Extractor = openExtractor({ command: ["/nowhere/authuser"], ...options });
  shown.push(await errorOf(extractor.count(), ConnectError));
  shown.push(extractor);
  await extractor.close();
  for (
    const bad of [
      { credentials: { user: "joe", password: `${password}\0` } },
      { credentials: { user: "joe", password: password.repeat(50) } },
      { maildir: "" },
      { mailUser: "a\0b" },
      { command: [] },
    ]
  ) {
    const make = () => openExtractor({ command: ["x"], ...options, ...bad });
    assert.throws(make, (error) => error instanceof LocalProtocolError && shown.push(error) > 0);
  }
  // The runtimes' own inspection: what `console.log` prints in Deno and in Bun.
  const { Deno, Bun } = globalThis as {
    Deno?: { inspect: (value: unknown, options: object) => string };
    Bun?: { inspect: (value: unknown, options: object) => string };
  };
  for (const value of shown) {
    const texts = [inspect(value, { depth: 20, showHidden: true }), String(value)];
    texts.push(JSON.stringify(value) ?? "");
    for (const runtime of [Deno, Bun]) {
      if (runtime) texts.push(runtime.inspect(value, { depth: 20 }));
    }
    for (const text of texts) {
      assert(!text.includes(password) && !text.includes("ch4llenge"), text);
    }
  }
});
