import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DoveadmClientEvent,
  DoveadmClientProtocol,
  encodePacket,
  LOG_CHANNEL,
  StreamMultiplexer,
} from "../../../core/doveadm/mod.ts";
import { encodeUtf8, InputQueue, RemoteProtocolError } from "../../../core/mod.ts";

/** A protocol that has sent a command and waits for its reply. */
function waiting(
  { minor = 0, streamed = false, ...options }: {
    minor?: number;
    streamed?: boolean;
    limits?: Record<string, number>;
    password?: string;
  } = {},
): DoveadmClientProtocol {
  const protocol = new DoveadmClientProtocol({ maxMinor: minor, ...options });
  protocol.send({ name: "mailbox list", user: "a", streamed });
  protocol.receive(encodeUtf8(minor === 0 ? "+\n" : `VERSION\tdoveadm-client\t1\t${minor}\n+\n`));
  assert.equal(protocol.nextEvent()?.type, "ready");
  while (protocol.takeOutput() !== undefined);
  return protocol;
}

function allEvents(protocol: DoveadmClientProtocol): DoveadmClientEvent[] {
  const events: DoveadmClientEvent[] = [];
  for (let event; (event = protocol.nextEvent()) !== undefined;) events.push(event);
  return events;
}

function goesOver(limit: string) {
  return (error: unknown) => error instanceof RemoteProtocolError && error.limit === limit;
}

test("values limit › values without bytes › counted, in any pieces", () => {
  for (const piece of [1, 7, 1000, 100_000]) {
    for (const [tabs, fits] of [[1000, true], [1001, false]] as const) {
      const protocol = waiting({ limits: { values: 1000 } });
      const wire = encodeUtf8("\t".repeat(tabs) + "\n+\n");
      const read = () => {
        const events: DoveadmClientEvent[] = [];
        for (let at = 0; at < wire.length; at += piece) {
          protocol.receive(wire.subarray(at, at + piece));
          events.push(...allEvents(protocol));
        }
        return events;
      };
      if (!fits) {
        assert.throws(read, goesOver("values"));
        continue;
      }
      const [reply] = read();
      assert(reply.type === "reply");
      assert.equal(reply.fields.length, tabs);
      assert(reply.rawFields.every((value) => value.length === 0));
    }
  }
});

test("values limit › TABs without end › RemoteProtocolError before 3 MB", () => {
  const protocol = waiting();
  const chunk = new Uint8Array(65_536).fill(0x09);
  assert.throws(() => {
    for (let at = 0; at < 3_000_000; at += chunk.length) {
      protocol.receive(chunk);
      allEvents(protocol);
    }
  }, goesOver("values"));
});

test("reply limit › one large value › counts by its bytes", () => {
  const protocol = waiting({ limits: { reply: 1_000_100 } });
  protocol.receive(encodeUtf8(`${"x".repeat(1_000_000)}\t\n+\n`));
  const [reply] = allEvents(protocol);
  assert(reply.type === "reply" && reply.fields[0].length === 1_000_000);
});

test("chunks › 200,000 of a byte each before nextEvent() › one reply", () => {
  for (const minor of [0, 2, 4]) {
    const protocol = waiting({ minor });
    const value = encodeUtf8(`${"x".repeat(200_000)}\t\n+\n`);
    const wire = minor === 0
      ? value
      : minor === 2
      ? encodePacket(0, value)
      : new StreamMultiplexer().encode(0, value);
    for (let at = 0; at < wire.length; at++) protocol.receive(wire.slice(at, at + 1));
    const [reply] = allEvents(protocol);
    assert(reply.type === "reply" && reply.fields[0].length === 200_000);
  }
});

test("handshake › 200,000 chunks of a byte before nextEvent() › the conversation after it is whole", () => {
  const protocol = new DoveadmClientProtocol({ maxMinor: 2 });
  protocol.send({ name: "mailbox list", user: "a" });
  const handshake = encodeUtf8("VERSION\tdoveadm-client\t1\t2\n+\n");
  for (const byte of handshake) protocol.receive(Uint8Array.of(byte));
  const log = encodePacket(LOG_CHANNEL, encodeUtf8("\x03a line\n"));
  for (let size = 0; size < 200_000; size += log.length) {
    for (const byte of log) protocol.receive(Uint8Array.of(byte));
  }
  const events = allEvents(protocol);
  assert.equal(events[0].type, "ready");
  assert.equal(events.length - 1, Math.ceil(200_000 / log.length));
  assert(events.slice(1).every((event) => event.type === "log" && event.message === "a line"));
});

test("handshake › a line without end in small chunks › handshakeLine", () => {
  const protocol = new DoveadmClientProtocol();
  for (let at = 0; at < 100_000; at++) protocol.receive(Uint8Array.of(0x78));
  assert.throws(() => protocol.nextEvent(), goesOver("handshakeLine"));
});

test("log › a million lines of a byte › each is an event", () => {
  const protocol = waiting({ minor: 4 });
  const wire = new StreamMultiplexer().encode(LOG_CHANNEL, encodeUtf8("x\n".repeat(250_000)));
  for (let at = 0; at < wire.length; at += 65_536) protocol.receive(wire.subarray(at, at + 65_536));
  let lines = 0;
  for (let event; (event = protocol.nextEvent()) !== undefined;) {
    assert(event.type === "log" && event.message === "x");
    lines++;
  }
  assert.equal(lines, 250_000);
});

test("multiplexing › empty packets and unused channels › neither event nor memory", () => {
  const protocol = waiting({ minor: 2 });
  const empty = new Uint8Array(5 * 10_000);
  const other = encodePacket(7, new Uint8Array(50_000));
  for (let round = 0; round < 200; round++) {
    protocol.receive(empty.slice());
    protocol.receive(other.slice());
    assert.equal(protocol.nextEvent(), undefined);
  }
  protocol.receive(encodePacket(0, encodeUtf8("INBOX\t\n+\n")));
  assert.equal(protocol.nextEvent()?.type, "reply");
});

test("InputQueue › chunks of all sizes, taken and put back › the same bytes", () => {
  const queue = new InputQueue();
  const given: number[] = [];
  const taken: number[] = [];
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
  for (let round = 0; round < 3000; round++) {
    const chunk = Uint8Array.from(
      { length: random(3) === 0 ? random(3000) : random(4) },
      () => random(256),
    );
    given.push(...chunk);
    queue.push(chunk);
    if (random(3) > 0) continue;
    const next = queue.takeChunk();
    if (next === undefined) continue;
    const kept = random(next.length + 1);
    taken.push(...next.subarray(0, kept));
    queue.untake(next.subarray(kept));
  }
  assert.equal(queue.size, given.length - taken.length);
  for (let next; (next = queue.takeChunk()) !== undefined;) taken.push(...next);
  assert.deepEqual(taken, given);
});

// A peer that echoes what it got: the login, or the password itself.

const password = "zq-secret";
const login = btoa(`\0doveadm\0${password}`);

const refusals: Readonly<Record<string, string>> = {
  "the login": `-${login}\n`,
  "the login within a text": `-bad login <${login}>, go away\n`,
  "the login without its last characters": `-${login.slice(0, -2)}\n`,
  "the password": `-${password}\n`,
  "what the login says": `-\0doveadm\0${password}\n`,
  "JSON": `-${JSON.stringify({ user: "doveadm", password })}\n`,
  "Basic": `-${btoa(`doveadm:${password}`)}\n`,
  "a line that is no refusal": `PLAIN\t${login}\n`,
  "a line that is too long": `${`PLAIN\t${login} `.repeat(100)}\n`,
  "a version": `VERSION\t${login}\t1\t2\n`,
};

for (const [what, line] of Object.entries(refusals)) {
  test(`login › the server echoes it as ${what} › it is concealed`, () => {
    for (const piece of [1, 5, 10_000]) {
      const protocol = new DoveadmClientProtocol({ password });
      const wire = encodeUtf8(`VERSION\tdoveadm-client\t1\t2\n-\n${line}`);
      const error = errorOf(() => {
        for (let at = 0; at < wire.length; at += piece) {
          protocol.receive(wire.subarray(at, at + piece));
          while (protocol.nextEvent() !== undefined);
        }
      });
      assertConcealed(error);
    }
  });
}

for (const echo of [password, login, `\0doveadm\0${password}`, btoa(password)]) {
  test(`conversation › the server echoes ${JSON.stringify(echo)} › it is concealed`, () => {
    const protocol = new DoveadmClientProtocol({ password, maxMinor: 2 });
    protocol.send({ name: "mailbox list", user: "a" });
    protocol.receive(encodeUtf8("VERSION\tdoveadm-client\t1\t2\n-\n"));
    assert.equal(protocol.nextEvent(), undefined);
    protocol.receive(encodeUtf8("+\n"));
    assert.equal(protocol.nextEvent()?.type, "ready");
    while (protocol.takeOutput() !== undefined);
    protocol.receive(encodePacket(LOG_CHANNEL, encodeUtf8(`\x04got ${echo} here\n`)));
    const log = protocol.nextEvent();
    assert(log?.type === "log" && log.message.startsWith("got "));
    assertConcealed(log.message);
    protocol.receive(encodePacket(0, encodeUtf8(`\n-TEMPFAIL it was ${echo}\n`)));
    const reply = protocol.nextEvent();
    assert(reply?.type === "reply" && !reply.ok && reply.code === "TEMPFAIL");
    assertConcealed(reply.detail);
    protocol.receive(encodePacket(0, encodeUtf8(`stray ${echo}`)));
    assertConcealed(errorOf(() => protocol.nextEvent()));
  });
}

test("status line › the server echoes the password as its code › it is concealed", () => {
  for (const line of [`-${password}\n`, `+ ${login}\n`, `*${login}\n`]) {
    const protocol = waiting({ password });
    protocol.receive(encodeUtf8(`\n${line}`));
    const seen: unknown[] = [];
    try {
      const reply = protocol.nextEvent();
      assert(reply?.type === "reply");
      seen.push(reply.detail, reply.ok ? "" : reply.code);
    } catch (error) {
      seen.push(error);
    }
    seen.forEach(assertConcealed);
  }
});

test("referral › to a host whose name has a part of the password › isn't changed", () => {
  for (
    const [password, status, detail] of [
      ["dovecot1", "-REFERRAL alice@dovecot-2.example.org", "alice@dovecot-2.example.org"],
      ["dovecot1", "-REFERRAL alice@dovecot1", "alice@…"],
      ["dovecot1", "-TEMPFAIL alice@dovecot-2", "alice@…-2"],
    ]
  ) {
    const protocol = waiting({ password });
    protocol.receive(encodeUtf8(`\n${status}\n`));
    const reply = protocol.nextEvent();
    assert(reply?.type === "reply");
    assert.equal(reply.detail, detail);
  }
});

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
}

/** Fails where a text, or an error at any depth, has the password in it. */
function assertConcealed(shown: unknown): void {
  for (let it: unknown = shown; it !== undefined; it = (it as Error).cause) {
    const texts = it instanceof Error ? [it.message, it.stack ?? ""] : [String(it)];
    for (const text of texts) {
      for (const form of [password, login, login.slice(12, -2), btoa(password).slice(0, -2)]) {
        assert(!text.includes(form), text);
      }
    }
    if (!(it instanceof Error)) return;
  }
}
