import assert from "node:assert/strict";
import { test } from "node:test";
import { Driver } from "../../transports/driver.ts";
import { memoryPair } from "../../transports/memory.ts";
import { type Transport, TransportError } from "../../transports/transport.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { changed, much, reset, Setup, TestProtocol, text, turn } from "./driver_setup.ts";

test("transport › the peer ends › the end is passed on, the transport closed, run() resolves", async () => {
  const setup = new Setup();
  const running = setup.driver.run();
  await setup.say("one");
  await setup.peer.closeWrite();
  await running;
  assert.deepEqual(setup.passed, ["one", "end"]);
  assert.equal(await setup.hear(), "");
});

test("transport › reading fails › the end is passed on, run() rejects with the transport's error", async () => {
  const setup = new Setup({
    change: (transport) => changed(transport, { read: () => Promise.reject(reset) }),
  });
  await assert.rejects(setup.driver.run(), (error) => error === reset);
  assert.deepEqual(setup.passed, ["end"]);
  assert.equal(await setup.hear(), "");
});

test("the peer ends › the protocol delays its end › a flush() passes it on", async () => {
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

test("output › before and after run() › is written in order", async () => {
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

test("output › during onEvent › is written without a flush()", async () => {
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

test("flushNow() › several outputs in a turn › the first is written at once, the others after it", async () => {
  const written: string[] = [];
  const setup = new Setup({
    change: (transport) =>
      changed(transport, {
        write(chunk) {
          written.push(text(chunk));
          return transport.write(chunk);
        },
      }),
  });
  const running = setup.driver.run();
  await turn();
  for (const output of ["one", "two", "three"]) {
    setup.protocol.send(output);
    setup.driver.flushNow();
    assert.deepEqual(written, ["one"]);
  }
  await setup.driver.flush();
  assert.deepEqual(written, ["one", "two", "three"]);
  // With nothing to write it does nothing, nor where nothing can be written any more.
  setup.driver.flushNow();
  await setup.driver.close();
  await running;
  setup.protocol.send("four");
  setup.driver.flushNow();
  assert.deepEqual(written, ["one", "two", "three"]);
});

test("flush() › a slow reader › resolves when all is written", async () => {
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

test("flush() › close() during a blocked write › resolves", async () => {
  const setup = new Setup();
  const running = setup.driver.run();
  setup.protocol.send(new Uint8Array(much));
  const flushing = setup.driver.flush();
  await turn();
  await setup.driver.close();
  await flushing;
  await running;
});

test("two drivers › both write much before they read › both receive all", async () => {
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

test("close-write › much output is left › it is written first, and reading goes on", async () => {
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
  test(`close-write › a transport that ${how} › reading ends, onBroken isn't called`, async () => {
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

test("onEvent › its promise is pending › nothing more is read", async () => {
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

test("onEvent › bytes arrive while its promise is pending › their events come afterwards", async () => {
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

test("onEvent › its promise is pending › writing goes on", async () => {
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

test("mayRead › false › nothing is read until a flush() finds it true", async () => {
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
  test(`onEvent › ${how} › run() rejects with its error, the transport is closed`, async () => {
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

test("onEvent › throws during a blocked write › run() rejects with its error", async () => {
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

test("protocol › nextEvent() throws › run() rejects with its error, the transport is closed", async () => {
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

test("transport › a write fails › the peer's bytes are read to their end", async () => {
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

test("close() › during a read › run() resolves", async () => {
  const setup = new Setup();
  const running = setup.driver.run();
  await turn();
  await setup.driver.close();
  await setup.driver.close();
  await running;
  assert.deepEqual(setup.passed, ["end"]);
});

test("close() › during a blocked write › run() resolves", async () => {
  const setup = new Setup();
  setup.protocol.send(new Uint8Array(much));
  const running = setup.driver.run();
  await turn();
  await setup.driver.close();
  await running;
  assert.deepEqual(setup.passed, ["end"]);
});

test("close() › while onEvent's promise is pending › it is awaited, and run() resolves", async () => {
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

for (const [when, deadline] of [["in the future", 30], ["in the past", 0]] as const) {
  test(`deadline › ${when} › handleTimeout() gets a time that isn't before it`, async () => {
    const setup = new Setup();
    setup.protocol.deadline = deadline === 0 ? 0 : performance.now() + deadline;
    const running = setup.driver.run();
    for (let turns = 0; setup.passed.length === 0 && turns < 1000; turns++) await turn();
    await setup.peer.closeWrite();
    await running;
    assert.deepEqual(setup.passed, ["timeout", "end"]);
  });
}

test("deadline › none, or far in the future › handleTimeout() isn't called", async () => {
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

test("deadline › set by the output of a flush() › is kept", async () => {
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

/** Logs the calls to the transport before TLS, and replaces it by another one after it. */
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

test("start-tls › output before and after it › unencrypted before, encrypted after", async () => {
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

test("start-tls › TLS fails › the end is passed on, run() rejects, nothing is sent unencrypted", async () => {
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

test("close() › while TLS starts › the encrypted transport is closed, and run() resolves", async () => {
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

test("close() › while TLS starts, which fails › run() resolves", async () => {
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
