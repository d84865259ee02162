import assert from "node:assert/strict";
import { test } from "node:test";
import { Driver } from "../../transports/driver.ts";
import { memoryPair } from "../../transports/memory.ts";
import { type Transport, TransportError } from "../../transports/transport.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { changed, much, reset, Setup, TestProtocol, text, turn } from "./driver_setup.ts";

test("the peer ends › the end is passed on, the transport closed, run() resolves", async () => {
  const setup = new Setup();
  const running = setup.driver.run();
  await setup.say("one");
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(setup.passed, ["one", "end"]);
  assert.equal(await setup.hear(), "");
});

test("the transport breaks › the end is passed on, run() rejects with the transport's error", async () => {
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

test("close-write › what there is is written first, and reading goes on meanwhile", async () => {
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
  test(`close-write › a transport that ${how} is told by reading`, async () => {
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

test("what arrives while onEvent is at work on something else comes after it", async () => {
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

for (const how of ["throws", "rejects"]) {
  test(`onEvent ${how} › run() rejects with that, the transport is closed`, async () => {
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

test("onEvent throws with a write blocked › run() rejects with that all the same", async () => {
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

test("the protocol throws › run() rejects with that, the transport is closed", async () => {
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

test("a write breaks › what the peer had to say is read to its end", async () => {
  const setup = new Setup({
    change: (transport) => changed(transport, { write: () => Promise.reject(reset) }),
  });
  setup.protocol.send("nobody wants to know");
  const running = setup.driver.run();
  await turn();
  await setup.say("the rest");
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(setup.passed, ["the rest", "end"]);
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
  test(`a deadline ${when} › the protocol is told a time that isn't before it`, async () => {
    const setup = new Setup();
    setup.protocol.deadline = deadline === 0 ? 0 : performance.now() + deadline;
    const running = setup.driver.run();
    for (let turns = 0; setup.passed.length === 0 && turns < 1000; turns++) await turn();
    await setup.peer.closeWrite();
    await running;
    assert.deepEqual(setup.passed, ["timeout", "end"]);
  });
}

test("no deadline, or one that is far off › the protocol isn't told the time", async () => {
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

/** Logs what is done with the transport before TLS, and goes on with another after it. */
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

test("TLS fails › the end is passed on, run() rejects with that, nothing goes out unencrypted", async () => {
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

test("close() while TLS starts and fails for that › run() resolves", async () => {
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
