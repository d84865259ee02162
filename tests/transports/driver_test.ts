import assert from "node:assert/strict";
import { test } from "node:test";
import { type DrivableProtocol, Driver } from "../../transports/driver.ts";
import { memoryPair } from "../../transports/memory.ts";
import { type TlsOptions, type Transport, TransportError } from "../../transports/transport.ts";
import { leavingNothing } from "../harness/leftovers.ts";

type TestEvent =
  | { readonly type: "chunk"; readonly chunk: Uint8Array }
  | { readonly type: "timeout"; readonly now: number }
  | { readonly type: "start-tls" }
  | { readonly type: "tls-started" }
  | { readonly type: "close-write" }
  | { readonly type: "end" };

/** The least that a protocol can be: it hands on what it is given, and sends what it is told to. */
class TestProtocol implements DrivableProtocol<TestEvent> {
  /** When it wants to be told the time, once. */
  deadline: number | undefined;
  /** What nextEvent() throws, once the events that are there are gone. */
  failure: Error | undefined;
  /** Keeps the "end" event back until {@linkcode finish} is called. */
  endsLate = false;
  /** What it sends for each chunk, of its own accord. */
  answer: string | undefined;
  #events: TestEvent[] = [];
  #output: Uint8Array[] = [];
  #ends = 0;

  send(chunk: string | Uint8Array): void {
    this.#output.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
  }

  askForTls(): void {
    this.#events.push({ type: "start-tls" });
  }

  sendNoMore(): void {
    this.#events.push({ type: "close-write" });
  }

  finish(): void {
    this.#events.push({ type: "end" });
  }

  receive(chunk: Uint8Array): void {
    assert.equal(this.#ends, 0, "It received something behind the end.");
    this.#events.push({ type: "chunk", chunk });
    if (this.answer !== undefined) this.send(this.answer);
  }

  receiveEnd(): void {
    assert.equal(++this.#ends, 1, "It was told of the end again.");
    if (!this.endsLate) this.finish();
  }

  nextEvent(): TestEvent | undefined {
    const event = this.#events.shift();
    if (event === undefined && this.failure !== undefined) throw this.failure;
    return event;
  }

  takeOutput(): Uint8Array | undefined {
    return this.#output.shift();
  }

  handleTimeout(now: number): void {
    assert.ok(this.deadline !== undefined, "It wanted no time.");
    assert.ok(now >= this.deadline, `It was told ${now}, before its ${this.deadline}.`);
    this.deadline = undefined;
    this.#events.push({ type: "timeout", now });
  }

  tlsStarted(): void {
    this.#events.push({ type: "tls-started" });
  }
}

/** A driver that isn't running yet, and the other end of its transport. */
class Setup {
  readonly protocol = new TestProtocol();
  readonly peer: Transport;
  readonly driver: Driver<TestEvent>;
  /** What was passed on: an event's type, or what a chunk says. */
  readonly passed: string[] = [];

  constructor({ onEvent, change = (transport) => transport, ...options }: {
    onEvent?: (event: TestEvent) => void | Promise<void>;
    tls?: TlsOptions;
    mayRead?: () => boolean;
    onBroken?: (error: unknown) => void;
    linger?: number;
    /** What to put in the transport's place. */
    change?: (transport: Transport) => Transport;
  } = {}) {
    const [transport, peer] = memoryPair();
    this.peer = peer;
    this.driver = new Driver(this.protocol, change(transport), {
      ...options,
      onEvent: (event) => {
        this.passed.push(event.type === "chunk" ? text(event.chunk) : event.type);
        return onEvent?.(event);
      },
    });
  }

  /** Says something as the other end. */
  say(words: string): Promise<void> {
    return this.peer.write(new TextEncoder().encode(words));
  }

  /** What the other end hears next; "" for the end. */
  async hear(): Promise<string> {
    return text(await this.peer.read() ?? new Uint8Array(0));
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A transport that does what another does, but for this. */
function changed(transport: Transport, changes: Partial<Transport>): Transport {
  return {
    peer: transport.peer,
    read: () => transport.read(),
    write: (chunk) => transport.write(chunk),
    closeWrite: () => transport.closeWrite(),
    startTls: (options) => transport.startTls(options),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
    ...changes,
  };
}

/** Lets everything happen that can happen by now. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

const reset = new TransportError("reset", "The other end broke it off.");
const much = 8_388_608;

test("the peer ends: the end is passed on, the transport closed, run() resolves", async () => {
  const setup = new Setup();
  const running = setup.driver.run();
  await setup.say("one");
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(setup.passed, ["one", "end"]);
  assert.equal(await setup.hear(), "");
});

test("the transport breaks: the end is passed on, run() rejects with the transport's error", async () => {
  const setup = new Setup({
    change: (transport) => changed(transport, { read: () => Promise.reject(reset) }),
  });
  await assert.rejects(setup.driver.run(), (error) => error === reset);
  assert.deepEqual(setup.passed, ["end"]);
  assert.equal(await setup.hear(), "");
});

test("an end that the protocol puts off comes when it is flushed", async () => {
  const setup = new Setup();
  setup.protocol.endsLate = true;
  const running = setup.driver.run();
  await setup.peer.closeWrite();
  await turn();
  assert.deepEqual(setup.passed, []);
  setup.protocol.finish();
  await setup.driver.flush();
  await running;
  assert.deepEqual(setup.passed, ["end"]);
});

test("what is given to the protocol is written in order", async () => {
  const setup = new Setup();
  setup.protocol.send("one");
  const running = setup.driver.run();
  assert.equal(await setup.hear(), "one");
  setup.protocol.send("two");
  setup.protocol.send("three");
  await setup.driver.flush();
  assert.equal(await setup.hear(), "two");
  assert.equal(await setup.hear(), "three");
  await setup.driver.close();
  await running;
});

test("what an event gives rise to is written without a flush()", async () => {
  const setup = new Setup({
    onEvent: (event) => {
      if (event.type === "chunk") setup.protocol.send(`${text(event.chunk)} to you`);
    },
  });
  const running = setup.driver.run();
  await setup.say("hello");
  assert.equal(await setup.hear(), "hello to you");
  await setup.peer.closeWrite();
  await running;
});

test("flush() resolves when it is written, and not before", async () => {
  const setup = new Setup();
  const running = setup.driver.run();
  let flushed = false;
  setup.protocol.send(new Uint8Array(much));
  const flushing = setup.driver.flush().then(() => {
    flushed = true;
  });
  await turn();
  assert.equal(flushed, false);
  for (let read = 0; read < much;) read += (await setup.peer.read())!.length;
  await flushing;
  await setup.driver.close();
  await running;
});

test("flush() resolves when it can't be written", async () => {
  const setup = new Setup();
  const running = setup.driver.run();
  setup.protocol.send(new Uint8Array(much));
  const flushing = setup.driver.flush();
  await turn();
  await setup.driver.close();
  await flushing;
  await running;
});

test("two ends that both write much before they read don't wait for each other", async () => {
  const protocols = [new TestProtocol(), new TestProtocol()];
  const complete = protocols.map(() => Promise.withResolvers<void>());
  const drivers = memoryPair().map((transport, i) => {
    let read = 0;
    protocols[i].send(new Uint8Array(much));
    return new Driver(protocols[i], transport, {
      onEvent: (event) => {
        if (event.type === "chunk") read += event.chunk.length;
        if (read === much) complete[i].resolve();
      },
    });
  });
  const running = drivers.map((driver) => driver.run());
  await Promise.all(complete.map(({ promise }) => promise));
  for (const driver of drivers) await driver.close();
  await Promise.all(running);
});

test("close-write: what there is is written first, and reading goes on meanwhile", async () => {
  const setup = new Setup();
  setup.protocol.send(new Uint8Array(much));
  setup.protocol.sendNoMore();
  const running = setup.driver.run();
  // Nothing of it is read yet.
  await setup.say("one");
  await turn();
  assert.deepEqual(setup.passed, ["one"]);
  let heard = 0;
  for (let chunk; (chunk = await setup.peer.read()) !== undefined;) heard += chunk.length;
  assert.equal(heard, much);
  await setup.say("two");
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(setup.passed, ["one", "two", "end"]);
});

for (const how of ["is gone", "is closed meanwhile"]) {
  test(`close-write: a transport that ${how} is told by reading`, async () => {
    let broken = 0;
    const setup = new Setup({
      onBroken: () => broken++,
      change: (transport) =>
        how === "is closed meanwhile" ? transport : changed(transport, {
          closeWrite: () => Promise.reject(reset),
        }),
    });
    setup.protocol.send(how === "is gone" ? "bye" : new Uint8Array(much));
    setup.protocol.sendNoMore();
    const running = setup.driver.run();
    await turn();
    assert.equal(broken, 0);
    if (how === "is closed meanwhile") await setup.driver.close();
    else await setup.peer.closeWrite();
    await running;
    assert.deepEqual(setup.passed, ["end"]);
  });
}

test("nothing more is read while onEvent is at work", async () => {
  const gate = Promise.withResolvers<void>();
  let reads = 0;
  const setup = new Setup({
    onEvent: () => gate.promise,
    change: (transport) =>
      changed(transport, {
        read: () => {
          reads++;
          return transport.read();
        },
      }),
  });
  const running = setup.driver.run();
  for (const words of ["one", "two", "three"]) await setup.say(words);
  await turn();
  assert.deepEqual(setup.passed, ["one"]);
  assert.equal(reads, 1);
  gate.resolve();
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(setup.passed, ["one", "two", "three", "end"]);
});

test("what arrives while onEvent is at work on something else comes behind it", async () => {
  const gate = Promise.withResolvers<void>();
  const setup = new Setup({ onEvent: ({ type }) => type === "timeout" ? gate.promise : undefined });
  const running = setup.driver.run();
  await turn();
  setup.protocol.deadline = 0;
  await setup.driver.flush();
  for (const words of ["one", "two", "three"]) await setup.say(words);
  await turn();
  gate.resolve();
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(setup.passed, ["timeout", "one", "two", "three", "end"]);
});

test("writing goes on while onEvent is at work", async () => {
  const gate = Promise.withResolvers<void>();
  const setup = new Setup({ onEvent: () => gate.promise });
  setup.protocol.answer = "an answer";
  const running = setup.driver.run();
  await setup.say("one");
  assert.equal(await setup.hear(), "an answer");
  setup.protocol.send("something else");
  await setup.driver.flush();
  assert.equal(await setup.hear(), "something else");
  gate.resolve();
  await setup.peer.closeWrite();
  await running;
});

test("nothing is read that may not be, until a flush() finds that it may", async () => {
  let mayRead = true;
  const setup = new Setup({ mayRead: () => mayRead, onEvent: () => void (mayRead = false) });
  const running = setup.driver.run();
  await setup.say("one");
  await setup.say("two");
  await turn();
  assert.deepEqual(setup.passed, ["one"]);
  mayRead = true;
  await setup.driver.flush();
  await turn();
  assert.deepEqual(setup.passed, ["one", "two"]);
  mayRead = true;
  await setup.driver.flush();
  await setup.peer.closeWrite();
  await running;
});

test("onBroken learns of a read that breaks, and of a write, once", async () => {
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

test("an end is no break", async () => {
  const setup = new Setup({ onBroken: () => assert.fail("It isn't broken.") });
  const running = setup.driver.run();
  await setup.peer.closeWrite();
  await running;
});

for (const how of ["ends", "throws"]) {
  test(`linger: a protocol that ${how} has the last word, however much that is`, async () => {
    const setup = new Setup({
      linger: 60_000,
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
    // What it says meanwhile is nobody's business any more, but it is not broken off for that.
    await setup.say("and another thing");
    await setup.peer.closeWrite();
    await settled;
  });
}

test("linger: a peer that doesn't close its end is waited for no longer than that", async () => {
  const setup = new Setup({ linger: 20 });
  const running = setup.driver.run();
  setup.protocol.send("bye");
  setup.protocol.finish();
  await setup.driver.flush();
  assert.equal(await setup.hear(), "bye");
  assert.equal(await setup.hear(), "");
  await running;
});

test("linger: close() ends it", async () => {
  const setup = new Setup({ linger: 60_000 });
  const running = setup.driver.run();
  setup.protocol.send(new Uint8Array(much));
  setup.protocol.finish();
  void setup.driver.flush();
  await turn();
  await setup.driver.close();
  await running;
});

for (const how of ["throws", "rejects"]) {
  test(`onEvent ${how}: run() rejects with that, the transport is closed`, async () => {
    const mistake = new Error("a mistake");
    const setup = new Setup({
      onEvent: () => {
        if (how === "throws") throw mistake;
        return Promise.reject(mistake);
      },
    });
    const running = assert.rejects(setup.driver.run(), (error) => error === mistake);
    await setup.say("one");
    await running;
    assert.deepEqual(setup.passed, ["one"]);
    assert.equal(await setup.hear(), "");
  });
}

test("onEvent throws with a write blocked: run() rejects with that all the same", async () => {
  const mistake = new Error("a mistake");
  const setup = new Setup({
    onEvent: () => {
      throw mistake;
    },
  });
  setup.protocol.send(new Uint8Array(much));
  const running = assert.rejects(setup.driver.run(), (error) => error === mistake);
  await turn();
  await setup.say("one");
  await running;
});

test("the protocol throws: run() rejects with that, the transport is closed", async () => {
  const violation = new Error("a violation");
  const setup = new Setup();
  const running = assert.rejects(setup.driver.run(), (error) => error === violation);
  await turn();
  setup.protocol.failure = violation;
  await setup.say("one");
  await running;
  assert.deepEqual(setup.passed, ["one"]);
  assert.equal(await setup.hear(), "");
});

test("a write breaks: what the peer had to say is read to its end", async () => {
  const setup = new Setup({
    change: (transport) => changed(transport, { write: () => Promise.reject(reset) }),
  });
  setup.protocol.send("nobody wants to know");
  const running = setup.driver.run();
  await turn();
  await setup.say("last words");
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(setup.passed, ["last words", "end"]);
});

test("close() ends a conversation that waits, and run() resolves", async () => {
  const setup = new Setup();
  const running = setup.driver.run();
  await turn();
  await setup.driver.close();
  await setup.driver.close();
  await running;
  assert.deepEqual(setup.passed, ["end"]);
});

test("close() ends a conversation whose write is blocked, and run() resolves", async () => {
  const setup = new Setup();
  setup.protocol.send(new Uint8Array(much));
  const running = setup.driver.run();
  await turn();
  await setup.driver.close();
  await running;
  assert.deepEqual(setup.passed, ["end"]);
});

test("close() while onEvent is at work lets it finish, and run() resolves", async () => {
  const gate = Promise.withResolvers<void>();
  const setup = new Setup({ onEvent: () => gate.promise });
  const running = setup.driver.run();
  await setup.say("one");
  await turn();
  await setup.driver.close();
  gate.resolve();
  await running;
  assert.deepEqual(setup.passed, ["one", "end"]);
});

for (const [when, deadline] of [["to come", 30], ["in the past", 0]] as const) {
  test(`a deadline ${when}: the protocol is told a time that isn't before it`, async () => {
    const setup = new Setup();
    setup.protocol.deadline = deadline === 0 ? 0 : performance.now() + deadline;
    const running = setup.driver.run();
    for (let turns = 0; setup.passed.length === 0 && turns < 1000; turns++) await turn();
    await setup.peer.closeWrite();
    await running;
    assert.deepEqual(setup.passed, ["timeout", "end"]);
  });
}

test("no deadline, or one that is far off: the protocol isn't told the time", async () => {
  for (const deadline of [undefined, performance.now() + 60_000, 2 ** 40, Infinity]) {
    await leavingNothing(async () => {
      const setup = new Setup();
      setup.protocol.deadline = deadline;
      const running = setup.driver.run();
      await setup.say("one");
      await turn();
      await setup.peer.closeWrite();
      await running;
      assert.deepEqual(setup.passed, ["one", "end"]);
    });
  }
});

test("a deadline that the protocol has since it was given something is kept", async () => {
  const timedOut = Promise.withResolvers<void>();
  const setup = new Setup({
    onEvent: ({ type }) => {
      if (type === "timeout") timedOut.resolve();
    },
  });
  const running = setup.driver.run();
  await turn();
  setup.protocol.send("answer me");
  setup.protocol.deadline = performance.now() + 10;
  await setup.driver.flush();
  await timedOut.promise;
  await setup.driver.close();
  await running;
  assert.deepEqual(setup.passed, ["timeout", "end"]);
});

/** Logs what is done with the transport before TLS, and goes on with another behind it. */
function withTls(log: string[], encrypted: Promise<Transport>): (plain: Transport) => Transport {
  return (plain) =>
    changed(plain, {
      write: (chunk) => {
        log.push(`write ${text(chunk)}`);
        return plain.write(chunk);
      },
      startTls: (options) => {
        log.push(`start TLS with ${options.serverName}`);
        return encrypted;
      },
    });
}

test('"start-tls": the output goes first, and the rest over the new transport', async () => {
  const log: string[] = [];
  const [encrypted, peer] = memoryPair();
  const setup = new Setup({
    tls: { serverName: "mail.example" },
    change: withTls(log, Promise.resolve(encrypted)),
    onEvent: ({ type }) => {
      if (type === "tls-started") setup.protocol.send("a secret");
    },
  });
  setup.protocol.send("STARTTLS");
  setup.protocol.askForTls();
  const running = setup.driver.run();
  assert.equal(text((await peer.read())!), "a secret");
  await peer.write(new TextEncoder().encode("an answer"));
  await peer.closeWrite();
  await running;
  assert.deepEqual(log, ["write STARTTLS", "start TLS with mail.example"]);
  assert.deepEqual(setup.passed, ["tls-started", "an answer", "end"]);
  assert.equal(await peer.read(), undefined);
});

test("TLS fails: the end is passed on, run() rejects with that, nothing goes out in clear", async () => {
  const setup: Setup = new Setup({
    onEvent: () => {
      setup.protocol.send("a secret");
      return setup.driver.flush();
    },
  });
  setup.protocol.askForTls();
  await assert.rejects(setup.driver.run(), { name: "TransportError", code: "unsupported" });
  assert.deepEqual(setup.passed, ["end"]);
  assert.equal(await setup.hear(), "");
});

test("close() while TLS starts closes what comes of it, and run() resolves", async () => {
  const [encrypted, peer] = memoryPair();
  const starting = Promise.withResolvers<Transport>();
  const setup = new Setup({ change: withTls([], starting.promise) });
  setup.protocol.askForTls();
  const running = setup.driver.run();
  await turn();
  await setup.driver.close();
  starting.resolve(encrypted);
  await running;
  assert.equal(await peer.read(), undefined);
});

test("close() while TLS starts and fails for that: run() resolves", async () => {
  const starting = Promise.withResolvers<Transport>();
  const setup = new Setup({ change: withTls([], starting.promise) });
  setup.protocol.askForTls();
  const running = setup.driver.run();
  await turn();
  await setup.driver.close();
  starting.reject(new TransportError("closed", "It was closed on this side."));
  await running;
  assert.deepEqual(setup.passed, ["end"]);
});
