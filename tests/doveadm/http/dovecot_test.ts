import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionLostError } from "../../../core/errors.ts";
import { AuthenticationError, DovewireError, RemoteProtocolError } from "../../../core/mod.ts";
import type { HttpApi } from "../../../doveadm/http/api.ts";
import type { HttpEvent } from "../../../doveadm/http/exchange.ts";
import type { HttpCommand } from "../../../doveadm/http/request_body.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { apiAt, type ApiOptions, eventsFor, listFor } from "./requests.ts";
import { warmUpFetch } from "./warm_up.ts";

await warmUpFetch();

const weird = new Uint8Array([
  ...new TextEncoder().encode("Subject: é\nX-Bytes: "),
  ...[0xff, 0xc3],
  ...new TextEncoder().encode("\n\n\0\x01\x1b\x7f \u0085\u2028\ufeff\uffff 😀 "),
  // Half a surrogate pair, NUL in two bytes, and a character without its end.
  ...[0xed, 0xa0, 0x80, 0x20, 0xc0, 0x80, 0x20, 0xe2, 0x82, 0x0a],
]);
/** Wherever a buffer ends, if not at a multiple of 9 bytes, it cuts a character. */
const wide = "Subject: wide\n\n" + "€é😀".repeat(20_000) + "\n";
const large = "Subject: large\n\n" + 'A line with "quotes" and a \\ in it.\n'.repeat(120_000);
const mail = { alice: { INBOX: [weird, wide, large] } };

function apiOf({ httpPort, password }: Dovecot, more: ApiOptions = {}): HttpApi {
  return apiAt(new URL(`http://127.0.0.1:${httpPort}/doveadm/v1`), { password, ...more });
}

async function eventsOf(
  api: HttpApi,
  ...commands: readonly HttpCommand[]
): Promise<HttpEvent[]> {
  const events: HttpEvent[] = [];
  await leavingNothing(async () => {
    for await (const event of eventsFor(api, commands)) events.push(event);
  });
  return events;
}

async function errorOf(work: Promise<unknown>): Promise<DovewireError> {
  const error = await work.then(() => assert.fail("it went well"), (error) => error);
  assert(error instanceof DovewireError, String(error));
  return error;
}

const list: HttpCommand = { method: "mailboxList", parameters: { user: "bob" } };
const unknown: HttpCommand = { method: "nosuch", parameters: {} };

function fetchOf(uid: string, ...field: string[]): HttpCommand {
  const query = ["mailbox", "INBOX", "uid", uid];
  return { method: "fetch", name: "fetch", parameters: { user: "alice", field, query } };
}

for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
  test(`HTTP › Dovecot ${version}, commands › their answers and their errors`, async () => {
    await using dovecot = await startDovecot({ version, mail });
    const api = apiOf(dovecot);

    const bad = { method: "mailboxList", parameters: { user: "bob", bogus: true } };
    const nobody = { method: "mailboxList", parameters: { user: "nobody" } };
    const status = { user: "alice", field: ["messages"], mailboxMask: "INBOX" };
    const events = await eventsOf(
      api,
      unknown,
      list,
      bad,
      nobody,
      unknown,
      { method: "mailboxStatus", parameters: status },
    );
    assert.deepEqual(
      events.map((event) => event.type === "failure" ? [event.command, event.error.code] : event),
      [
        [0, ""],
        { type: "row", command: 1, row: { mailbox: "INBOX" } },
        { type: "end", command: 1 },
        [2, "USAGE"],
        [3, "NOUSER"],
        [4, ""],
        { type: "row", command: 5, row: { mailbox: "INBOX", messages: "3" } },
        { type: "end", command: 5 },
      ],
    );

    const users = { method: "user", parameters: { userMask: ["*"] } };
    const [listed, ...others] = await eventsOf(api, users);
    assert(listed.type === "end" && others.length === 0);
    const { userList, ...more } = listed.value as { userList: string[] };
    assert.deepEqual([userList.sort(), more], [["alice", "bob", "carol"], {}]);

    const methods = await listFor(api);
    const { parameters } = methods.find(({ command }) => command === "mailboxStatus")!;
    assert.deepEqual(parameters.find(({ name }) => name === "mailboxMask")?.type, "array");

    const key = { password: undefined, apiKey: dovecot.apiKey };
    assert.equal((await eventsOf(apiOf(dovecot, key), list)).length, 2);
    for (const wrong of [{ password: "no" }, { apiKey: "no" }, { password: undefined }]) {
      const error = await errorOf(eventsOf(apiOf(dovecot, wrong), list));
      assert(error instanceof AuthenticationError, `${error}`);
      assert.match(error.message, /"password" .* or "apiKey"/);
    }

    const url = new URL("/doveadm/v2", api.endpoint.url);
    const lost = await errorOf(eventsOf(apiOf(dovecot, { url }), list));
    assert(lost instanceof RemoteProtocolError && /HTTP 404/.test(lost.message), lost.message);

    const port = new URL(`http://127.0.0.1:${dovecot.port}/doveadm/v1`);
    const other = await errorOf(eventsOf(apiOf(dovecot, { url: port }), list));
    // It may close before or after it has said what it is.
    assert(
      other instanceof RemoteProtocolError || other instanceof ConnectionLostError,
      `${other}`,
    );

    const dead = await errorOf(eventsOf(api, fetchOf("1", "nosuch")));
    assert(dead instanceof ConnectionLostError, `${dead}`);
    assert.equal(dead.sent, true);
    assert.match(dead.message, /an unknown field or a bad search query/);
  });

  test(`HTTP › Dovecot ${version}, bytes and long values › what the server makes of them`, async () => {
    await using dovecot = await startDovecot({ version, mail });
    const api = apiOf(dovecot);

    const [odd] = await eventsOf(api, fetchOf("1", "uid", "uid", "hdr.x-bytes", "text"));
    assert.deepEqual(odd, {
      type: "row",
      command: 0,
      row: {
        uid: "1",
        "hdr.x-bytes": "\ufffd\ufffd",
        text: "Subject: é\nX-Bytes: \ufffd\ufffd\n\n\0\x01\x1b\x7f \u0085\u2028\ufeff\uffff 😀 " +
          "\ufffd\ufffd\ufffd \ufffd\ufffd \ufffd\ufffd\n",
      },
    });

    const [whole] = await eventsOf(api, fetchOf("3", "text"));
    assert(whole.type === "row");
    assert(whole.row.text === large, "4 MiB of ASCII don't come back");

    // Characters that the server's buffer cuts: 2.3 spoils them, and 2.4.1 crashes.
    const wideEvents = eventsOf(api, fetchOf("2", "text"));
    if (version === "2.3") {
      const [event] = await wideEvents;
      assert(event.type === "row");
      assert.notEqual(event.row.text, wide);
      assert.match(event.row.text as string, /^Subject: wide\n\n€é😀€é😀/);
      assert((event.row.text as string).includes("\ufffd"));
    } else {
      const error = await errorOf(wideEvents);
      assert(error instanceof ConnectionLostError, `${error}`);
      assert.match(error.message, /2\.4\.1 crashes as well on long values that aren't ASCII/);
    }
  });

  test(`HTTP › Dovecot ${version}, requests that are too large › an error with the sizes`, async () => {
    await using dovecot = await startDovecot({ version });
    const api = apiOf(dovecot);
    const masks = (mailboxMask: string | string[]) => ({
      method: "mailboxList",
      parameters: { user: "bob", mailboxMask },
    });
    const sizes = version === "2.3"
      ? []
      : [masks("x".repeat(32_769)), masks(Array(1025).fill("x"))];
    for (const command of sizes) {
      const error = await errorOf(eventsOf(api, command));
      assert(error instanceof RemoteProtocolError, `${error}`);
      assert.match(error.message, /HTTP 400, saying "JSON parse error: .*strings of up to 32,768/);
    }
    for (const command of [masks("x".repeat(32_768)), masks(Array(1024).fill("INBOX"))]) {
      const last = (await eventsOf(api, command)).at(-1);
      assert.equal(last?.type, "end", JSON.stringify(last));
    }
    const error = await errorOf(eventsOf(api, masks("x".repeat(3_000_000))));
    // A server that doesn't read on resets the connection, and its answer may go with it.
    assert(
      error instanceof RemoteProtocolError && /HTTP 4(13|00)/.test(error.message) ||
        error instanceof ConnectionLostError && /has 30000\d\d bytes/.test(error.message),
      `${error}`,
    );
  });
}
