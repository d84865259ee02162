/** Calls for many users of real servers, some of whom the server can't serve. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import {
  AbortError,
  CommandError,
  connect,
  ConnectionLostError,
  type DoveadmClient,
  LocalProtocolError,
  PartialFailure,
} from "../../../mod.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { atFullSize } from "../../harness/soak.ts";
import { warmUpFetch } from "../http/warm_up.ts";
import { errorOf } from "./fake_server.ts";
import { names, outcomeOf, type Way, ways } from "./users_world.ts";

before(warmUpFetch);

const all = { allUsers: true } as const;

function clientOf(way: Way, { port, httpPort, password }: Dovecot): DoveadmClient {
  return way === "TCP"
    ? connect({ hostname: "127.0.0.1", port }, { password })
    : connect(`http://127.0.0.1:${httpPort}`, { password });
}

/** Changes the lines of some users in a server's user database. */
async function change(
  { folder }: Dovecot,
  changes: Readonly<Record<string, (line: string) => string>>,
): Promise<void> {
  const path = join(folder, "passwd");
  const lines = (await readFile(path, "utf8")).split("\n");
  const changed = lines.map((line) => {
    const name = line.split(":")[0];
    return Object.hasOwn(changes, name) ? changes[name](line) : line;
  });
  await writeFile(path, changed.join("\n"));
}

/** A user whose mail the server can't create. */
const homeless = (line: string) => line.replace(/:\/[^:]*::/, ":/proc/nowhere::");

/** A user of another server: 2.4 refers to that, and 2.3 doesn't. */
const elsewhere = (line: string) => `${line}nologin=y host=127.0.0.9`;

/** The failures of an error, in short. */
function codesOf(error: unknown): Record<string, string> {
  assert(error instanceof PartialFailure, `${(error as Error)?.stack}`);
  return Object.fromEntries(
    [...error.failures].map(([user, failure]) => {
      assert(failure instanceof CommandError, failure.stack);
      return [user, failure.code];
    }).sort(),
  );
}

const users = ["alice", "bob", "carol", "dave"];

/** A server with users whom it can't serve: bob, and on 2.4 carol, whom another server has. */
async function startMixed(version: DovecotVersion): Promise<Dovecot> {
  const isNew = version === "2.4";
  const dovecot = await startDovecot({
    ...{ version, users, mail: {} },
    extraConfig: isNew ? "doveadm_port = 24245" : "",
  });
  await change(dovecot, { bob: homeless, ...(isNew ? { carol: elsewhere } : {}) });
  return dovecot;
}

for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
  const name = `many users of Dovecot ${version}`;

  test(`${name} › temporary failures and referrals, over TCP and HTTP › the others' rows, and each failure`, async () => {
    await using dovecot = await startMixed(version);
    for (const way of ways) {
      await leavingNothing(async () => {
        const client = clientOf(way, dovecot);
        const expected = version === "2.3"
          ? { bob: "TEMPFAIL" }
          : { bob: "TEMPFAIL", carol: way === "TCP" ? "REFERRAL" : "TEMPFAIL" };
        const served = users.filter((user) => !Object.hasOwn(expected, user));
        // The server sends rows of "error" before it reports a failure.
        const storage = (rows: readonly unknown[]) =>
          (rows as { username: string; type: string; value: number | null }[])
            .filter(({ type, value }) => type === "STORAGE" && value !== null)
            .map(({ username }) => username);

        const error = await errorOf(client.run("quota get", all));
        assert.deepEqual(codesOf(error), expected);
        assert(error instanceof PartialFailure);
        assert.deepEqual(storage(error.rows), served);
        assert.equal(error.rows.length, 2 * served.length);

        const streamed = await outcomeOf(client.rows("quota get", all));
        assert.deepEqual(codesOf(streamed.error), expected);
        assert.deepEqual(storage(streamed.items).sort(), served);

        const listed = await errorOf(client.run("quota get", { userFile: "dave\nnobody\nbob" }));
        assert.deepEqual(codesOf(listed), { bob: "TEMPFAIL", nobody: "NOUSER" });
        assert.deepEqual(storage((listed as PartialFailure).rows), ["dave"]);
        const onUserError = (user: string) => user in expected ? "ignore" : undefined;
        const ignored = await client.run("quota get", all, { onUserError });
        assert.deepEqual(storage(ignored), served);
        assert.deepEqual(await client.run("quota get", { user: "z*" }), []);
        await client.close();
      });
    }
  });

  test(`${name} › iterate: "server" › one failure for all, which says so`, async () => {
    await using dovecot = await startMixed(version);
    const server = { iterate: "server" } as const;
    for (const way of ways) {
      await leavingNothing(async () => {
        const client = clientOf(way, dovecot);
        const { items, error } = await outcomeOf(client.rows("quota get", all, server));
        if (way === "TCP" && version === "2.3") {
          assert(error instanceof LocalProtocolError);
          assert.match(error.message, /needs Dovecot 2\.4, and the server has 2\.3/);
        } else {
          assert(error instanceof CommandError);
          assert.match(error.message, /With iterate: "server", this is the failure of one user/);
          // Over HTTP a command that fails loses its rows.
          const named = new Set(
            items.filter(({ value }) => value !== null).map(({ username }) => username),
          );
          assert.deepEqual([...named], way === "HTTP" ? [] : ["alice", "dave"]);
          const run = await errorOf(client.run("quota get", all, server));
          assert(run instanceof CommandError);
          assert.equal(run.code, error.code);
          const [outcome] = await client.runAll([["quota get", all]], server);
          assert(outcome.status === "rejected" && outcome.reason instanceof CommandError);
          assert.match(outcome.reason.message, /With iterate: "server"/);
        }
        if (way === "TCP") {
          const masked = await errorOf(client.run("quota get", { user: "a*" }, server));
          assert(masked instanceof LocalProtocolError);
        } else {
          const [row] = await client.run("quota get", { user: "a*" }, server);
          assert.equal(row.username, "alice");
        }
        await client.close();
      });
    }
  });

  test(`${name} › iterate: "server", and all can be served › the same rows`, async () => {
    await using dovecot = await startDovecot({ version });
    const status = { ...all, field: ["messages"], mailboxMask: ["*"] } as const;
    for (const way of version === "2.3" ? ["HTTP"] as const : ways) {
      const client = clientOf(way, dovecot);
      const sorted = (rows: readonly { username: string; mailbox: string }[]) =>
        rows.map((row) => JSON.stringify(row)).sort();
      const rows = await client.run("mailbox status", status, { iterate: "server" });
      assert(rows.length > 5);
      assert.deepEqual(sorted(rows), sorted(await client.run("mailbox status", status)));
      const { items } = await outcomeOf(
        client.rows("mailbox status", status, { iterate: "server" }),
      );
      assert.deepEqual(sorted(items), sorted(rows));
      assert.deepEqual(
        await client.run("search", { ...all, query: ["from", "zz"] }, { iterate: "server" }),
        [],
      );
      await client.run("mailbox create", { ...all, mailbox: ["New"] }, { iterate: "server" });
      const created = await client.run("mailbox list", { ...all, mailboxMask: ["New*"] });
      assert.deepEqual(created.map(({ username }) => username), ["alice", "bob", "carol"]);
      await client.run("mailbox delete", { ...all, mailbox: ["New"] });
      await client.close();
    }
  });

  test(`${name} › a full quota › that user's failure, and the others have the mail`, async () => {
    await using dovecot = await startDovecot({
      ...{ version, users, quota: "8K" },
      mail: { bob: { INBOX: ["Subject: Old\n\n" + "x".repeat(7000) + "\n"] } },
    });
    for (const way of ways) {
      const client = clientOf(way, dovecot);
      const file = `Subject: New\n\n${"y".repeat(2000)}\n`;
      const error = await errorOf(client.run("save", { ...all, mailbox: "INBOX", file }));
      assert(error instanceof PartialFailure, `${error.stack}`);
      assert.deepEqual([...error.failures.keys()], ["bob"]);
      assert.equal((error.failures.get("bob") as CommandError).reason, "quota");
      const status = { ...all, field: ["messages"], mailboxMask: ["INBOX"] } as const;
      const counts = (await client.run("mailbox status", status)).map(({ messages }) => messages);
      assert.deepEqual(counts, way === "TCP" ? [1, 1, 1, 1] : [2, 1, 2, 2]);
      await client.close();
    }
  });

  test(`${name} › a user database that fails half way › the listing's error, and no command`, async () => {
    await using dovecot = await startDovecot({
      version,
      extraConfig: (folder) =>
        version === "2.3"
          ? `userdb {\n  driver = passwd-file\n  args = ${folder}/missing\n}\n`
          : `userdb passwd-file2 {\n  driver = passwd-file\n  passwd_file_path = ${folder}/missing\n}\n`,
    });
    for (const way of ways) {
      const client = clientOf(way, dovecot);
      const create = { ...all, mailbox: ["New"] };
      const error = await errorOf(client.run("mailbox create", create));
      assert(error instanceof CommandError);
      assert.deepEqual([error.command, error.code], ["user", "DATAERR"]);
      assert.match(error.message, /name the users in "userFile"\.$/);
      const alice = { user: "alice", mailboxMask: ["New*"] };
      assert.deepEqual(await client.run("mailbox list", alice), []);
      const list = { userFile: "alice\nbob", mailboxMask: ["INBOX"] };
      assert.equal((await client.run("mailbox list", list)).length, 2);
      await client.close();
    }
  });

  test(`${name} › a server that dies of one user's mail › that user's failure`, async () => {
    // A character that the edge of its buffer cuts kills 2.4.1 over HTTP, and with it the whole request.
    const wide = "Subject: wide\n\n" + "€é😀".repeat(20_000) + "\n";
    const users = ["alice", "bob", "carol", "dave", "erin"];
    await using dovecot = await startDovecot({
      ...{ version, users },
      mail: Object.fromEntries(
        users.map((user) => [user, { INBOX: [user === "carol" ? wide : "Subject: Hi\n\nHi.\n"] }]),
      ),
    });
    const dies = version === "2.4" ? ["carol"] : [];
    const mails = { ...all, field: ["uid", "text"], query: ["all"] } as const;
    for (const way of ways) {
      await leavingNothing(async () => {
        const client = clientOf(way, dovecot);
        const failed = way === "HTTP" ? dies : [];
        const left = users.filter((user) => !failed.includes(user));
        const { items, error } = await outcomeOf(client.rows("fetch", mails));
        assert.deepEqual(items.map(({ username }) => username).sort(), left);
        const run = await client.run("fetch", mails).then(() => undefined, (error) => error);
        for (const it of [error, run]) {
          if (failed.length === 0) assert.equal(it, undefined);
          else {
            assert(it instanceof PartialFailure);
            assert.deepEqual([...it.failures.keys()], failed);
            assert(it.failures.get("carol") instanceof ConnectionLostError);
          }
        }
        await client.close();
      });
    }
  });

  test(`${name} › many of them, to the end, aborted, and left early › their rows, and nothing is left`, async () => {
    // Several times as many as the client has connections; each of their calls may take a process.
    const many = names(atFullSize(5000, 40));
    await using dovecot = await startDovecot({ version, users: many, mail: {} });
    for (const way of ways) {
      await leavingNothing(async () => {
        const client = clientOf(way, dovecot);
        const listed = (await client.run("user", { userMask: ["*"] })).map(({ username }) =>
          username
        );
        const rows = await client.run("quota get", all);
        assert.deepEqual(rows.map(({ username }) => username), listed.flatMap((it) => [it, it]));
        const { items } = await outcomeOf(client.rows("mailbox list", all, { order: "users" }));
        assert.deepEqual(items.map(({ username }) => username), listed);

        const controller = new AbortController();
        const { signal } = controller;
        let taken = 0;
        const error = await errorOf((async () => {
          for await (const _ of client.rows("quota get", all, { signal })) {
            if (++taken === 30) controller.abort();
          }
        })());
        assert(error instanceof AbortError);
        assert.equal(taken, 30);
        for await (const _ of client.rows("quota get", all)) if (++taken === 60) break;
        assert.equal((await client.run("quota get", { user: "user7" })).length, 2);
        await client.close();
      });
    }
  });
}
