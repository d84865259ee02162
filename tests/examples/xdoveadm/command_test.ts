import assert from "node:assert/strict";
import { test } from "node:test";
import { xdoveadm } from "../../../examples/xdoveadm/command.ts";
import { astringOf } from "../../../core/imap/mod.ts";
import { ImapClient, ImapCommandError, type ImapResult } from "../../../imap/mod.ts";
import { connect } from "../../../mod.ts";
import { startDovecot } from "../../harness/dovecot/dovecot.ts";
import { connectToCommands, talkTo } from "../command_server.ts";

test("XDOVEADM › quota and usage › are those of the user who is logged in", async () => {
  await using dovecot = await startDovecot({ users: ["alice", "bob"], quota: "1M" });
  await using doveadm = connect({ path: dovecot.socket });
  await doveadm.run("save", { user: "bob", file: "Subject: one more\n\nhello\n" });
  const counts: Record<string, number> = {};
  for (const user of ["alice", "bob"]) {
    await using connection = connectToCommands([xdoveadm(doveadm)], { user });
    await using client = await ImapClient.open(connection.transport);
    assert(client.hasCapability("XDOVEADM"));
    const rows = rowsOf(await client.command("xdoveadm", ["quota"]));
    const quota = await doveadm.run("quota get", { user });
    assert.deepEqual(rows, quota.map((row) => textsOf(row)));
    const usage = rowsOf(await client.command("XDOVEADM", ["USAGE"]));
    const all = await doveadm.run("mailbox status", {
      ...{ user, totalSum: true, mailboxMask: ["*"] },
      field: ["messages", "vsize"],
    });
    assert.deepEqual(usage, all.map((row) => textsOf(row)));
    counts[user] = Number(usage[0].messages);
  }
  assert.equal(counts.bob, 1);
  assert.notEqual(counts.alice, 1);
});

/** A row as the command writes it. */
function textsOf(row: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value === null ? "NIL" : String(value)]),
  );
}

/** The rows that a client got. */
function rowsOf({ responses }: ImapResult): readonly Record<string, string>[] {
  return responses.map((response) => {
    const list = response.type === "untagged" ? response.values[1] : undefined;
    const texts = list?.type === "list" ? list.values.map((value) => astringOf(value)!) : [];
    return Object.fromEntries(
      texts.flatMap((name, at) => at % 2 === 0 ? [[name, texts[at + 1]]] : []),
    );
  });
}

test("XDOVEADM › what isn't listed, or a name that is a mask › is refused", async () => {
  await using dovecot = await startDovecot({ users: ["alice"] });
  await using doveadm = connect({ path: dovecot.socket });
  await using connection = connectToCommands([xdoveadm(doveadm)]);
  await using client = await ImapClient.open(connection.transport);
  for (const call of ["STOP", "__proto__", "constructor", "quota get", ""]) {
    await assert.rejects(client.command("XDOVEADM", [call]), (error: Error) => {
      assert(error instanceof ImapCommandError);
      assert.match(error.text, /there are QUOTA and USAGE/);
      return true;
    });
  }
  for (const user of ["*", "alic?"]) {
    await using masked = connectToCommands([xdoveadm(doveadm)], { user });
    await using other = await ImapClient.open(masked.transport);
    await assert.rejects(other.command("XDOVEADM", ["QUOTA"]), /can't be asked for/);
  }
});

test("XDOVEADM › an unknown user, or no doveadm › is NO, and reported", async () => {
  await using dovecot = await startDovecot({ users: ["alice"] });
  const doveadms = [connect({ path: dovecot.socket }), connect({ path: `${dovecot.socket}x` })];
  for (const doveadm of doveadms) {
    await using connection = connectToCommands([xdoveadm(doveadm)], { user: "nobody" });
    const client = await talkTo(connection);
    await client.say("a XDOVEADM QUOTA\r\n");
    assert.match(await client.line(), /^a NO \[SERVERBUG\]/);
    assert.equal(connection.errors.length, 1);
    await client.say("b NOOP\r\n");
    assert.match(await client.line(), /^b OK /);
    await doveadm.close();
  }
});
