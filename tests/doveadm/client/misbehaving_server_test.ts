/** Servers that answer too much, without end, or with what they were sent. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../../core/mod.ts";
import { encodePacket, LOG_CHANNEL } from "../../../core/doveadm/mod.ts";
import {
  AuthenticationError,
  CommandError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../mod.ts";
import { withEnoughTime } from "../../harness/enough_time.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { type Behaviour, clientOf, errorOf, list, outcome } from "./fake_server.ts";

/** Answers each command, and says `more` in the same breath after the third of the first connection. */
function withStray(more: string): Behaviour {
  return async (talk, connection) => {
    await talk.say("+\n");
    for (let answered = 1; await talk.command() !== undefined; answered++) {
      const isLast = connection === 1 && answered === 3;
      await talk.say("INBOX\t\n+\n" + (isLast ? more : ""));
    }
  };
}

for (const stray of ["\n+\n", "x", "INBOX\t\n+\n", "-\n", "\n-USAGE\n", "\x01", "\n+\n\n+\n"]) {
  test(`stray reply › ${JSON.stringify(stray)} with the third of 20 answers › the others are answered`, async () => {
    await leavingNothing(async () => {
      const { client, connections } = clientOf(withStray(stray));
      const all = await Promise.all(Array.from({ length: 20 }, () => outcome(client.send(list))));
      await client.close();
      const wrong = all.filter((it) => it !== "answered");
      assert(wrong.length <= 1, all.join());
      assert(wrong.every((name) => name === "RemoteProtocolError"), all.join());
      assert.equal(connections(), 2);
    });
  });

  // One that comes when the next command has been sent can't be told from its reply.
  test(`stray reply › ${JSON.stringify(stray)} byte by byte before the next call › all are answered`, async () => {
    await leavingNothing(async () => {
      const { client, connections } = clientOf(withStray(stray), { cut: () => 1 });
      for (let call = 0; call < 6; call++) {
        assert.equal(await outcome(client.send(list)), "answered");
        await new Promise((resolve) => setTimeout(resolve));
      }
      await client.close();
      assert.equal(connections(), 2);
    });
  });
}

const handshakes: Readonly<Record<string, string>> = {
  "in one piece with the handshake": "+\nstolen\t\n+\n",
  "only its beginning": "+\nsto",
  "an empty one": "+\n\n+\n",
  "a refusal": "+\n\n-NOUSER\n",
  "before the handshake": "\n+\n+\n",
  "before the handshake, with a value": "INBOX\t\n+\n+\n",
};

for (const [what, bytes] of Object.entries(handshakes)) {
  test(`reply before any request › ${what}, on every connection › RemoteProtocolError for all`, async () => {
    await leavingNothing(async () => {
      const { client, connections } = clientOf((talk) => talk.say(bytes));
      const all = await Promise.all(Array.from({ length: 10 }, () => outcome(client.send(list))));
      assert.deepEqual(new Set(all), new Set(["RemoteProtocolError"]));
      // It is tried once more, since it may have been an accident, and not once for each.
      assert.equal(connections(), 2);
      const alone = await errorOf(client.send({ name: "who" }));
      await client.close();
      assert(alone instanceof RemoteProtocolError && !alone.sent);
    });
  });

  test(`reply before any request › ${what}, on the first connection › all are answered`, async () => {
    await leavingNothing(async () => {
      const { client } = clientOf((talk, connection) =>
        connection === 1 ? talk.say(bytes) : withStray("")(talk, connection)
      );
      const all = await Promise.all(Array.from({ length: 10 }, () => outcome(client.send(list))));
      await client.close();
      // Nothing had been sent there.
      assert.deepEqual(new Set(all), new Set(["answered"]));
    });
  });
}

test("stray reply › over and over › each costs a connection, and no call its answer", async () => {
  const { client } = clientOf(async (talk) => {
    await talk.say("+\n");
    while (await talk.command() !== undefined) await talk.say("INBOX\t\n+\n\n+\n");
  });
  for (let call = 0; call < 20; call++) assert((await client.send(list)).ok);
  await client.close();
});

// Memory

test("rows › one value without end › RemoteProtocolError that names the limit", async () => {
  await leavingNothing(async () => {
    const { client } = clientOf(async (talk) => {
      await talk.say("+\n");
      await talk.command();
      for (const chunk = new Uint8Array(65_536).fill(0x78);;) await talk.say(chunk);
    }, { limits: { reply: 1024 * 1024 } });
    for (const name of ["mailbox list", "user"] as const) {
      const error = await errorOf((async () => {
        const rows = name === "user"
          ? client.rows(name, { userMask: ["*"] })
          : client.rows(name, { user: "alice" });
        for await (const _ of rows);
      })());
      assert(error instanceof RemoteProtocolError);
      assert.equal(error.limit, "reply");
      assert.match(error.message, /"limits\.reply"/);
    }
    await client.close();
  });
});

test("rows › a value that drips without end › takes too long, as a row", async () => {
  const { client } = clientOf(async (talk) => {
    await talk.say("+\n");
    await talk.command();
    await talk.say("INBOX\t");
    for (;;) {
      await talk.say("x");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  let seen: unknown[] = [];
  const take = async (timeout: number) => {
    seen = [];
    const rows = client.rows("mailbox list", { user: "alice" }, { timeout });
    for await (const { mailbox } of rows) seen.push(mailbox);
  };
  const error = await withEnoughTime(150, (it) => errorOf(take(it)), () => seen.length > 0);
  await client.close();
  assert(error instanceof TimeoutError);
  assert.deepEqual(seen, ["INBOX"]);
});

test("run › values without bytes, without end › RemoteProtocolError that names the limit", async () => {
  for (const value of ["\t", "x\t", "\x01t\t"]) {
    const { client } = clientOf(async (talk) => {
      await talk.say("+\n");
      await talk.command();
      for (const chunk = encodeUtf8(value.repeat(20_000));;) await talk.say(chunk);
    });
    const error = await errorOf(client.run("mailbox list", { user: "alice" }));
    await client.close();
    assert(error instanceof RemoteProtocolError);
    assert.equal(error.limit, "values");
  }
});

test("run and rows › JSON of many values › RemoteProtocolError that names the limit", async () => {
  for (
    const json of [
      `[${"{},".repeat(2000)}{}]`,
      "[".repeat(2000),
      `{"userList":["a"${',""'.repeat(2000)}]}`,
    ]
  ) {
    const { client } = clientOf(async (talk) => {
      await talk.say("+\n");
      while (await talk.command() !== undefined) await talk.say(`${json}\n+\n`);
    }, { limits: { values: 1000 } });
    for (const way of ["run", "rows"]) {
      const error = await errorOf((async () => {
        if (way === "run") await client.run("user", { userMask: ["*"] });
        else for await (const _ of client.rows("user", { userMask: ["*"] }));
      })());
      assert(error instanceof RemoteProtocolError);
      assert.equal(error.limit, "values");
    }
    await client.close();
  }
});

test("run › many users, whose values together are too many › RemoteProtocolError that names the limit", async () => {
  const { client } = clientOf(async (talk) => {
    await talk.say("+\n");
    for (let line; (line = await talk.command()) !== undefined;) {
      const users = Array.from({ length: 100 }, (_, user) => `u${user}`);
      const isUsers = line.includes("\tuser\t");
      await talk.say(
        isUsers ? `${JSON.stringify({ userList: users })}\n+\n` : `${"x\t".repeat(10)}\n+\n`,
      );
    }
  }, { limits: { values: 1000 } });
  const error = await errorOf(client.run("mailbox list", { user: "*" }));
  assert(error instanceof RemoteProtocolError);
  assert.equal(error.limit, "values");
  let rows = 0;
  for await (const _ of client.rows("mailbox list", { user: "*" })) rows++;
  assert.equal(rows, 1000);
  await client.close();
});

test("rows › more than the caller takes › the server has to wait", async () => {
  await leavingNothing(async () => {
    let said = 0;
    const { client } = clientOf(async (talk) => {
      await talk.say("+\n");
      await talk.command();
      for (const chunk = encodeUtf8("INBOX\t".repeat(10_000));; said += chunk.length) {
        await talk.say(chunk);
      }
    });
    for await (const _ of client.rows("mailbox list", { user: "alice" })) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      break;
    }
    await client.close();
    assert(said < 2 * 1024 * 1024, `${said} bytes`);
  });
});

test("log › a flood of lines › the last hundred are kept", async () => {
  const { client } = clientOf(async (talk) => {
    await talk.say("VERSION\tdoveadm-client\t1\t2\n+\n");
    await talk.command();
    for (let round = 0; round < 20; round++) {
      await talk.say(encodePacket(LOG_CHANNEL, encodeUtf8("\x02x\n".repeat(2000))));
      await talk.say(new Uint8Array(5000));
    }
    await talk.say(encodePacket(0, encodeUtf8("INBOX\t\n+\n")));
  }, { maxMinor: 2 });
  const answer = await client.send(list);
  await client.close();
  assert.equal(answer.log.length, 100);
});

// Secrets and signs

const password = "zq-secret";

/** All that an error shows, at any depth. */
function allOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, stack, cause } = error;
  const more = error instanceof CommandError
    ? [error.detail, error.code, JSON.stringify(error.log), JSON.stringify(error.reply)]
    : [];
  return [message, stack, ...more, cause === undefined ? "" : allOf(cause)].join("\n");
}

function assertConcealed(error: unknown): void {
  const shown = allOf(error);
  const login = btoa(`\0doveadm\0${password}`);
  for (const form of [password, login, login.slice(12, -1), btoa(password).slice(0, -2)]) {
    assert(!shown.includes(form), shown);
  }
}

for (const echo of ["the line", "its base64", "the password", "the line without its end"]) {
  test(`password › the server echoes ${echo} in its refusal › no error shows it`, async () => {
    const { client } = clientOf(async (talk) => {
      await talk.say("VERSION\tdoveadm-client\t1\t2\n-\n");
      await talk.line();
      const line = (await talk.line())!;
      const login = line.slice("PLAIN\t".length);
      await talk.say(
        {
          "the line": `-no such login: ${line}\n`,
          "its base64": `-${login}\n`,
          "the password": `-"${password}" is wrong\n`,
          "the line without its end": `-${line.slice(0, -3)}...\n`,
        }[echo]!,
      );
    }, { password, maxMinor: 2 });
    const error = await errorOf(client.send(list));
    await client.close();
    assert(error instanceof AuthenticationError);
    assertConcealed(error);
  });
}

test("password › echoed in a log line, a failure and stray bytes › no error shows it", async () => {
  const logged: string[] = [];
  const { client } = clientOf(async (talk) => {
    await talk.say("VERSION\tdoveadm-client\t1\t2\n-\n");
    await talk.line();
    const line = (await talk.line())!;
    await talk.say("+\n");
    await talk.line();
    await talk.say(encodePacket(LOG_CHANNEL, encodeUtf8(`\x04auth(${line}): ${password}\n`)));
    await talk.say(encodePacket(0, encodeUtf8(`\n-TEMPFAIL ${line} ${password}\n`)));
    await talk.line();
    await talk.say(encodePacket(0, encodeUtf8(`\n*${line}\n`)));
  }, { password, maxMinor: 2, onLog: ({ message }) => logged.push(message) });
  const failed = await errorOf(client.send(list));
  assert(failed instanceof CommandError);
  assertConcealed(failed);
  const broken = await errorOf(client.send(list));
  assert(broken instanceof RemoteProtocolError);
  assertConcealed(broken);
  await client.close();
  assert.equal(logged.length, 1);
  assertConcealed(logged[0]);
});

test("log lines and details › control characters › escapes in the message, as they came elsewhere", async () => {
  const sign = "\x1b[2J\x9b\u202e\x7f\r";
  const { client } = clientOf(async (talk) => {
    await talk.say("VERSION\tdoveadm-client\t1\t2\n+\n");
    await talk.command();
    await talk.say(encodePacket(LOG_CHANNEL, encodeUtf8(`\x04evil ${sign}\n`)));
    await talk.say(encodePacket(0, encodeUtf8(`\n-TEMPFAIL more ${sign}x\n`)));
  }, { maxMinor: 2 });
  const error = await errorOf(client.send(list));
  await client.close();
  assert(error instanceof CommandError);
  assert.doesNotMatch(error.message, /[\p{Cc}\p{Bidi_Control}]/u);
  assert.match(error.message, /evil \\x1b\[2J\\x9b\\u202e\\x7f/);
  assert.match(error.message, /more \\x1b\[2J\\x9b\\u202e\\x7f/);
  assert.equal(error.detail, `more ${sign}x`);
  assert(error.log[0].message.startsWith(`evil ${sign.slice(0, -1)}`));
});

const oddUsers = [
  '{"userList":[{"toString":1}]}',
  '{"userList":[null]}',
  '{"userList":[["a"]]}',
  '{"userList":{"toString":1}}',
  '{"a":1}',
  '{"a":["b"]}',
  '{"__proto__":"a"}',
  "[]",
  '[{"a":1}]',
  "null",
  "1",
  `${"[".repeat(100_000)}`,
  `{"userList":[${"[".repeat(50_000)}${"]".repeat(50_000)}]}`,
  `{"userList":["${password}", oops]}`,
];

for (const json of oddUsers) {
  test(`user › answered with ${json.slice(0, 40)} › RemoteProtocolError`, async () => {
    const { client } = clientOf(async (talk) => {
      await talk.say("+\n");
      while (await talk.command() !== undefined) await talk.say(`${json}\n+\n`);
    }, { password });
    const calls = [
      client.run("user", { userMask: ["*"] }),
      client.rows("user", { userMask: ["*"] }).next(),
      client.run("mailbox list", { user: "*" }),
    ];
    for (const error of await Promise.all(calls.map(errorOf))) {
      assert(error instanceof RemoteProtocolError, String(error));
      assert(error.sent);
      assertConcealed(error);
    }
    await client.close();
  });
}

test("user › a user with odd fields › a row of them, or a RemoteProtocolError where a name is needed", async () => {
  const { client } = clientOf(async (talk) => {
    await talk.say("+\n");
    while (await talk.command() !== undefined) {
      await talk.say('{"a":{"__proto__":"x","username":{"toString":1}}}\n+\n');
    }
  });
  const [row] = await client.run("user", { userMask: ["*"] });
  assert(Object.hasOwn(row, "__proto__"));
  assert.equal(Object.getPrototypeOf(row), Object.prototype);
  const error = await errorOf(client.run("mailbox list", { user: "*" }));
  assert(error instanceof RemoteProtocolError);
  await client.close();
});
