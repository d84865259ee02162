import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionLostError, RemoteProtocolError } from "../../core/mod.ts";
import { ImapClient } from "../../imap/client.ts";
import { ImapCommandError } from "../../imap/client_errors.ts";
import { memoryPair } from "../../transports/memory.ts";
import type { Transport } from "../../transports/transport.ts";
import { ScriptedEnd } from "./scripted_end.ts";

// The servers here are fakes: they do what real ones do only when they are broken, hostile or slow.

const credentials = { username: "alice", password: "s3cret" };
const plain = `C1 AUTHENTICATE PLAIN ${btoa("\0alice\0s3cret")}\r\n`;

/** What a client says in a whole session, and what a server answers to each line. */
const session: readonly (readonly [string, string])[] = [
  ["", "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"],
  [plain, "* OK hm\r\nC1 OK Logged in\r\n"],
  ["C2 CAPABILITY\r\n", "* CAPABILITY IMAP4rev1 IDLE\r\nC2 OK done\r\n"],
  ["C3 XKEYADD {5}\r\n", "+ OK\r\n"],
  ["Käse\r\n", "* 1 X {3}\r\nabc\r\nC3 OK [XKEYADD ab] key added\r\n"],
  ["C4 IDLE\r\n", "* 1 EXISTS\r\n+ idling\r\n* 2 EXISTS\r\n"],
  ["DONE\r\n", "* 3 EXISTS\r\nC4 OK Idle completed.\r\n"],
  ["C5 LOGOUT\r\n", "* BYE Logging out\r\nC5 OK Logout completed.\r\n"],
];

/** Plays the server's part up to a byte, after which it says something else and closes. */
async function playUpTo(end: number, last: string, server: ScriptedEnd): Promise<void> {
  let left = end;
  for (const [heard, answer] of session) {
    await server.hears(heard).catch(() => {});
    if (left <= answer.length) {
      await server.say(answer.slice(0, left) + last).catch(() => {});
      break;
    }
    await server.say(answer).catch(() => {});
    left -= answer.length;
  }
  await server.close();
}

/** Plays the client's part; returns what was told. */
async function playClient(transport: Transport): Promise<number> {
  await using client = await ImapClient.open(transport, credentials);
  await client.command("XKEYADD", ["Käse"]);
  let seen = 0;
  for await (const _ of client.idle()) if (++seen === 3) break;
  await client.logout();
  return seen;
}

test("ImapClient › a server that closes, or says BYE, at any byte › ends every call with an error", async () => {
  const size = session.reduce((sum, [, answer]) => sum + answer.length, 0);
  const leastEnd = size - "Logout completed.\r\n".length - 1;
  for (const last of ["", "* BYE So long\r\n", "\r\n* BYE So long\r\n", "\r\n"]) {
    for (let end = 0; end <= size; end++) {
      const [near, far] = memoryPair();
      const server = new ScriptedEnd(far);
      const played = playUpTo(end, last, server);
      const what = `${JSON.stringify(last)} after ${end} bytes`;
      try {
        assert.equal(await playClient(near), 3);
        // Of the answer to LOGOUT only the text may be missing.
        if (end < leastEnd) assert.fail("it succeeded");
      } catch (error) {
        const isExpected = error instanceof ConnectionLostError ||
          error instanceof RemoteProtocolError || error instanceof ImapCommandError;
        assert(isExpected && end < size, `${what}: ${error}`);
      }
      await played;
    }
  }
});
