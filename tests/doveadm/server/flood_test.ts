/**
 * Handlers that never wait, for clients that read all: both in this process, where every step is a microtask.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReplyField } from "../../../doveadm/server/mod.ts";
import { apiOf, post } from "./http/requests.ts";
import { bytes, hello, setUp } from "./memory_server.ts";

/** Yields values until the event loop has taken a turn. */
function* untilTurn<Value>(value: Value, onTurn: () => void): Generator<Value, void, void> {
  let hasTurned = false;
  setTimeout(() => hasTurned = true, 0);
  // Without a turn, no timer could end this test either.
  const end = performance.now() + 10_000;
  while (!hasTurned && performance.now() < end) yield value;
  if (hasTurned) onTurn();
}

async function* later<Value>(values: Iterable<Value>): AsyncGenerator<Value, void, void> {
  yield* values;
}

type Reply = Iterable<ReplyField> | AsyncIterable<ReplyField>;

/** Replies of a mailbox list, by what has no end in them. */
const replies: Readonly<Record<string, (onTurn: () => void) => Reply>> = {
  "fields": (onTurn) => untilTurn<ReplyField>("INBOX", onTurn),
  "fields in an async iterable": (onTurn) => later(untilTurn<ReplyField>("INBOX", onTurn)),
  "pieces of a field": (onTurn) => [later(untilTurn(bytes("x".repeat(100)), onTurn))],
};

for (const [what, reply] of Object.entries(replies)) {
  test(`serve › ${what} without end, all of which the client reads › others are attended to`, async () => {
    let hasTurned = false;
    await using setup = await setUp(() => reply(() => hasTurned = true));
    const client = await setup.dial();
    await client.write(hello);
    await client.write(bytes("\talice\tmailbox list\n"));
    let last = "";
    while (!last.endsWith("\n+\n")) {
      last = (last + new TextDecoder().decode(await client.read())).slice(-3);
    }
    await client.close();
    assert(hasTurned);
  });

  test(`httpHandler › ${what} without end, all of which the client reads › others are attended to`, async () => {
    let hasTurned = false;
    const limits = { held: 1 };
    const api = apiOf(() => reply(() => hasTurned = true), { limits });
    const response = await api(post([["mailboxList", { user: "alice" }, "t"]]));
    for await (const _ of response.body!);
    assert.equal(response.status, 200);
    assert(hasTurned);
  });
}
