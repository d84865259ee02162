import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError, TimeoutError } from "../../core/mod.ts";
import { Driver } from "../../transports/driver.ts";
import { memoryPair } from "../../transports/memory.ts";
import { HeldTimers } from "../harness/held_timers.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { changed, much, reset, Setup, type TestEvent, TestProtocol, turn } from "./driver_setup.ts";

test("onBroken › a read or a write fails › is called once with the error", async () => {
  for (const broken of ["read", "write"] as const) {
    const errors: unknown[] = [];
    const setup = new Setup({
      onBroken: (error) => errors.push(error),
      change: (transport) => changed(transport, { [broken]: () => Promise.reject(reset) }),
    });
    setup.protocol.send("one");
    const running = setup.driver.run().catch(() => {});
    await setup.driver.flush();
    await turn();
    assert.deepEqual(errors, [reset], broken);
    await setup.driver.close();
    await running;
    assert.equal(errors.length, 1, broken);
  }
});

test("onBroken › the peer ends › is not called", async () => {
  const setup = new Setup({ onBroken: () => assert.fail("It was called.") });
  const running = setup.driver.run();
  await setup.peer.closeWrite();
  await running;
});

test("onBroken › close() on this side › is not called", async () => {
  const setup = new Setup({ onBroken: () => assert.fail("It was called.") });
  const running = setup.driver.run();
  setup.protocol.send(new Uint8Array(much));
  void setup.driver.flush();
  await turn();
  await setup.driver.close();
  await running;
});

for (const how of ["ends", "throws"]) {
  test(`lingering close › a protocol that ${how} with much output left › the peer gets all of it`, async () => {
    const setup = new Setup({
      lingerTimeout: 60_000,
      onEvent: ({ type }) => {
        if (type !== "chunk") return;
        setup.protocol.send(new Uint8Array(much));
        if (how === "ends") setup.protocol.finish();
        else setup.protocol.failure = reset;
      },
    });
    const running = setup.driver.run();
    const settled = how === "ends" ? running : assert.rejects(running, (error) => error === reset);
    await setup.say("hello");
    let heard = 0;
    for (let chunk; (chunk = await setup.peer.read()) !== undefined;) heard += chunk.length;
    assert.equal(heard, much);
    // What the peer still sends is thrown away; the connection isn't reset for it.
    await setup.say("and another thing");
    await setup.peer.closeWrite();
    await settled;
  });
}

test("lingering close › the peer doesn't close its side › ends after lingerTimeout", async () => {
  const setup = new Setup({ lingerTimeout: 20 });
  const running = setup.driver.run();
  setup.protocol.send("bye");
  setup.protocol.finish();
  await setup.driver.flush();
  assert.equal(await setup.hear(), "bye");
  assert.equal(await setup.hear(), "");
  await running;
});

test("lingering close › close() › ends at once", async () => {
  const setup = new Setup({ lingerTimeout: 60_000 });
  const running = setup.driver.run();
  setup.protocol.send(new Uint8Array(much));
  setup.protocol.finish();
  void setup.driver.flush();
  await turn();
  await setup.driver.close();
  await running;
});

test("lingering close › 0 and Infinity › wait as long as the peer takes", async () => {
  for (const lingerTimeout of [0, Infinity]) {
    const setup = new Setup({ lingerTimeout });
    const running = setup.driver.run();
    let isOver = false;
    void running.then(() => isOver = true);
    setup.protocol.finish();
    await setup.driver.flush();
    assert.equal(await setup.hear(), "");
    await turn();
    assert.equal(isOver, false);
    await setup.peer.closeWrite();
    await running;
  }
});

test("time limits › NaN, negative and no number › are refused by name", () => {
  for (const option of ["stallTimeout", "lingerTimeout"]) {
    for (
      const [value, shown] of [[NaN, "NaN"], [-1, "-1"], [-Infinity, "-Infinity"], ["5", '"5"']]
    ) {
      assert.throws(() => new Setup({ [option as "stallTimeout"]: value as number }), (error) => {
        assert(error instanceof LocalProtocolError);
        assert(error.message.startsWith(`"${option}" is ${shown}`), error.message);
        return true;
      });
    }
  }
});

test("onRead › bytes arrive › is called with their number before the protocol gets them", async () => {
  const seen: string[] = [];
  const setup: Setup = new Setup({
    onRead: (size) => seen.push(`read ${size}, ${setup.passed.length} passed on`),
    onReadEnd: () => seen.push("the end"),
  });
  const running = setup.driver.run();
  await setup.say("one");
  await turn();
  await setup.say("seven");
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(seen, ["read 3, 0 passed on", "read 5, 1 passed on", "the end"]);
});

test("onReadEnd › the peer ends, or reading fails › is called once", async () => {
  for (const change of [undefined, { read: () => Promise.reject(reset) }]) {
    let ends = 0;
    const setup = new Setup({
      onReadEnd: () => ends++,
      change: (transport) => change === undefined ? transport : changed(transport, change),
    });
    const running = setup.driver.run().catch(() => {});
    await setup.peer.closeWrite();
    await running;
    assert.equal(ends, 1);
  }
});

test("onWrite › a large output › is called at least every 64 KiB, and for all of it", async () => {
  const sizes: number[] = [];
  const setup = new Setup({ onWrite: (size) => sizes.push(size) });
  const running = setup.driver.run();
  setup.protocol.send(new Uint8Array(1_000_000));
  setup.protocol.send("and more");
  const flushed = setup.driver.flush();
  for (let heard = 0; heard < 1_000_008;) heard += (await setup.peer.read())!.length;
  await flushed;
  assert(sizes.every((size) => size > 0 && size <= 65_536), `${sizes}`);
  assert.equal(sizes.reduce((sum, size) => sum + size), 1_000_008);
  await setup.driver.close();
  await running;
});

test("onDrain › all output is written › what it provides is written without a flush", async () => {
  let provided = 0;
  const setup: Setup = new Setup({
    onDrain: () => {
      assert.equal(setup.driver.isWriting, false);
      if (provided < 3) setup.protocol.send(`${++provided}`);
    },
  });
  const running = setup.driver.run();
  setup.protocol.send("0");
  await setup.driver.flush();
  const heard: string[] = [];
  while (heard.join("").length < 4) heard.push(await setup.hear());
  assert.equal(heard.join(""), "0123");
  await setup.driver.close();
  await running;
});

test("onDrain › a flush without output › is called", async () => {
  let drains = 0;
  const setup = new Setup({ onDrain: () => drains++ });
  const running = setup.driver.run();
  await setup.driver.flush();
  assert.equal(drains, 1);
  await setup.driver.close();
  await running;
});

test("onDrain › flushes itself › one write at a time, in order", async () => {
  let underWay = 0;
  let provided = 0;
  const setup: Setup = new Setup({
    onDrain: () => {
      if (provided === 20) return;
      setup.protocol.send(`${++provided},`);
      void setup.driver.flush();
    },
    change: (transport) =>
      changed(transport, {
        write: async (chunk) => {
          assert.equal(++underWay, 1);
          await transport.write(chunk);
          await undefined;
          underWay--;
        },
      }),
  });
  const running = setup.driver.run();
  await setup.driver.flush();
  let heard = "";
  const all = Array.from({ length: 20 }, (_, at) => `${at + 1},`).join("");
  while (heard.length < all.length) heard += await setup.hear();
  assert.equal(heard, all);
  await setup.driver.close();
  await running;
});

test("stallTimeout › the peer stops to read › the transport is closed with a TimeoutError", async () => {
  await leavingNothing(async () => {
    const errors: unknown[] = [];
    const setup = new Setup({ stallTimeout: 30, onBroken: (error) => errors.push(error) });
    const running = assert.rejects(setup.driver.run(), (error) => {
      assert(error instanceof TimeoutError && error.phase === "write");
      assert.match(error.message, /The connection to memory is closed: .* read nothing for 30 ms/);
      return true;
    });
    setup.protocol.send(new Uint8Array(much));
    await setup.driver.flush();
    await running;
    assert.equal(errors.length, 1);
    assert.deepEqual(setup.passed, ["end"]);
  });
});

test("stallTimeout › a peer that reads slowly › is written to for longer than that", async () => {
  const stallTimeout = 1_234_567;
  using timers = new HeldTimers((delay) => delay === stallTimeout);
  const setup = new Setup({ stallTimeout });
  const running = setup.driver.run();
  setup.protocol.send(new Uint8Array(much));
  const flushed = setup.driver.flush();
  let most = 0;
  for (let heard = 0; heard < much;) {
    await turn();
    most = Math.max(most, timers.count);
    heard += (await setup.peer.read())!.length;
  }
  await flushed;
  // Each piece has all of the time.
  assert(timers.started >= much / 65_536, `${timers.started} pieces`);
  assert.deepEqual([most, timers.count], [1, 0]);
  await setup.peer.closeWrite();
  await running;
});

test("writeOnly › a peer that sends › isn't read, and the protocol's input has ended", async () => {
  let ends = 0;
  const setup = new Setup({
    writeOnly: true,
    onReadEnd: () => ends++,
    change: (transport) => changed(transport, { read: () => assert.fail("It was read.") }),
  });
  setup.protocol.endsLate = true;
  setup.protocol.send("words");
  const running = setup.driver.run();
  assert.equal(await setup.hear(), "words");
  assert.equal(ends, 1);
  setup.protocol.finish();
  await setup.driver.flush();
  await running;
  assert.deepEqual(setup.passed, ["end"]);
});

test("probe › a connection that isn't read breaks › onBroken is called", async () => {
  const errors: unknown[] = [];
  let isReset = false;
  const gate = Promise.withResolvers<void>();
  const setup = new Setup({
    onEvent: ({ type }) => type === "chunk" ? gate.promise : undefined,
    onBroken: (error) => {
      errors.push(error);
      gate.resolve();
    },
    change: (transport) =>
      changed(transport, {
        write: (chunk) => isReset ? Promise.reject(reset) : transport.write(chunk),
      }),
  });
  const running = setup.driver.run();
  await setup.say("one");
  await turn();
  assert.equal(setup.driver.isReading, false);
  setup.driver.probe();
  await turn();
  assert.deepEqual(errors, []);
  isReset = true;
  setup.driver.probe();
  await turn();
  assert.deepEqual(errors, [reset]);
  await setup.driver.close();
  await running;
});

test("probe › while output is written or TLS starts › does nothing", async () => {
  const written: number[] = [];
  const starting = Promise.withResolvers<never>();
  const setup = new Setup({
    change: (transport) =>
      changed(transport, {
        write: (chunk) => {
          written.push(chunk.length);
          return transport.write(chunk);
        },
        startTls: () => starting.promise,
      }),
  });
  const running = setup.driver.run();
  setup.protocol.send(new Uint8Array(much));
  void setup.driver.flush();
  await turn();
  setup.driver.probe();
  assert.deepEqual(written, [much]);
  for (let heard = 0; heard < much;) heard += (await setup.peer.read())!.length;
  setup.protocol.askForTls();
  await setup.driver.flush();
  await turn();
  setup.driver.probe();
  await turn();
  assert.deepEqual(written, [much]);
  await setup.driver.close();
  starting.reject(reset);
  await running;
});

for (const hook of ["onRead", "onReadEnd", "onWrite", "onDrain", "onBroken"] as const) {
  test(`${hook} › throws › run() rejects with that, the transport is closed`, async () => {
    const mistake = new Error("a mistake");
    const setup = new Setup({
      [hook]: () => {
        throw mistake;
      },
      change: (transport) =>
        hook !== "onBroken" ? transport : changed(transport, {
          write: () => Promise.reject(reset),
        }),
    });
    const running = assert.rejects(setup.driver.run(), (error) => error === mistake);
    setup.protocol.send("one");
    await setup.driver.flush();
    await setup.say("two").catch(() => {});
    await setup.peer.closeWrite();
    await running;
  });
}

test("hooks › after run() has ended › none is called", async () => {
  let calls = 0;
  const count = () => void calls++;
  const setup = new Setup({ onDrain: count, onWrite: count, onBroken: count, onRead: count });
  const running = setup.driver.run();
  await setup.peer.closeWrite();
  await running;
  const before = calls;
  setup.protocol.send("too late");
  await setup.driver.flush();
  setup.driver.probe();
  await turn();
  assert.equal(calls, before);
});

test("hooks › a program moves bytes both ways › sizes add up on both ends", async () => {
  const totals = [0, 0, 0, 0];
  const protocols = [new TestProtocol(), new TestProtocol()];
  let left = 2;
  const drivers = memoryPair({ cut: (waiting) => Math.ceil(waiting / 3) }).map((transport, i) => {
    protocols[i].send(new Uint8Array(100_000 * (i + 1)));
    const driver: Driver<TestEvent> = new Driver(protocols[i], transport, {
      onEvent: () => {},
      onRead: (size) => {
        totals[i] += size;
        if (totals[i] === 100_000 * (2 - i) && --left === 0) drivers.forEach((one) => one.close());
      },
      onWrite: (size) => totals[2 + i] += size,
    });
    return driver;
  });
  await Promise.all(drivers.map((driver) => driver.run()));
  assert.deepEqual(totals, [200_000, 100_000, 100_000, 200_000]);
});

test("events › held back until the output was taken › are passed on without a flush", async () => {
  const setup = new Setup();
  const { protocol } = setup;
  let waits = false;
  const next = protocol.nextEvent.bind(protocol);
  const take = protocol.takeOutput.bind(protocol);
  protocol.nextEvent = () => waits ? undefined : next();
  protocol.takeOutput = () => {
    const chunk = take();
    if (chunk === undefined) waits = false;
    return chunk;
  };
  protocol.answer = "answer";
  protocol.receive = ((receive) => (chunk: Uint8Array) => {
    waits = true;
    receive.call(protocol, chunk);
  })(protocol.receive);
  const running = setup.driver.run();
  await setup.say("hello");
  assert.equal(await setup.hear(), "answer");
  await turn();
  assert.deepEqual(setup.passed, ["hello"]);
  await setup.peer.closeWrite();
  await running;
});
