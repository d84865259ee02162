/** Which commands are right on a used connection: what the catalogue says of it, on real servers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionKindOf } from "../../../../core/doveadm/catalogue/mod.ts";
import { connect, DoveadmConnection, type DoveadmRequest } from "../../../../mod.ts";
import { connect as connectTransport } from "../../../../transports/mod.ts";
import {
  type Dovecot,
  type DovecotVersion,
  startDovecot,
} from "../../../harness/dovecot/dovecot.ts";
import { type Session, startSession, tellAnvil } from "../same_rows_server.ts";

/** Commands that don't act on mail, with their arguments. */
const lines: readonly (readonly string[])[] = [
  ["who"],
  ["who", "alice"],
  ["who", "-1"],
  ["who", "-1", "alice"],
  ["user", "alice"],
  ["user", "*"],
  ["user", "nobody"],
  ["user", "-f", "home", "alice"],
  ["user", "-e", "%{user}", "alice"],
  ["user", "-x", "service=imap", "alice"],
  ["kick", "nobody"],
  ["penalty"],
  ["penalty", "10.0.0.0/8"],
  ["proxy list"],
  ["log reopen"],
  ["log errors"],
  ["service status"],
  ["service status", "doveadm"],
  ["process status"],
  ["instance list"],
  ["auth cache flush", "alice"],
  ["stats dump"],
  ["stats add", "a_metric", "event=mail_opened"],
];

/** Those whose rows are the same each time. */
const isSteady = (line: readonly string[]) =>
  !/^(log errors|(service|process) status|stats)/.test(line[0]) && line[0] !== "proxy list";

/** How many values make a row of those whose rows differ each time. */
const columns: Readonly<Record<string, number>> = { "service status": 13, "process status": 7 };

async function open({ socket }: Dovecot): Promise<DoveadmConnection> {
  const transport = await connectTransport({ transport: "unix", path: socket });
  return await DoveadmConnection.open(transport, { logPassthrough: true });
}

/** What a command answers on a connection, or the error's name. */
async function answerOf(connection: DoveadmConnection, line: readonly string[]): Promise<string> {
  const [name, ...args] = line;
  try {
    const answer = await connection.send({ name, args });
    return JSON.stringify([answer.ok ? "+" : answer.code, answer.fields]);
  } catch (error) {
    return (error as Error).name;
  }
}

/** A server with a session and a penalty, so that the commands have rows. */
async function withRows(version: DovecotVersion): Promise<[Dovecot, Session]> {
  const dovecot = await startDovecot({ version, extraConfig: metric[version] });
  const session = startSession();
  const place = { version, folder: dovecot.folder } as Parameters<typeof tellAnvil>[0];
  await tellAnvil(place, { user: "alice", pid: session.pid });
  await tellAnvil(place, { penalty: "10.0.0.7" });
  return [dovecot, session];
}

const metric: Readonly<Record<DovecotVersion, string>> = {
  "2.3": "metric logins {\n  filter = event=auth_request_finished\n}\n",
  "2.4": "metric logins {\n  filter = event=auth_request_finished\n}\n",
};

for (const version of ["2.3", "2.4"] as const) {
  test(`kinds on ${version} › plain commands on a used connection › answer as on a fresh one`, async () => {
    const [started, session] = await withRows(version);
    await using dovecot = started;
    const plain = lines.filter(([name, ...args]) =>
      connectionKindOf(name, args, version) === "plain"
    );
    assert(plain.length >= 9, `${plain.length}`);
    for (const line of plain) {
      let fresh: string;
      {
        await using connection = await open(dovecot);
        fresh = await answerOf(connection, line);
      }
      await using used = await open(dovecot);
      const who = await answerOf(used, ["who"]);
      assert.match(who, /alice/);
      for (let turn = 0; turn < 3; turn++) {
        const answer = await answerOf(used, line);
        if (isSteady(line)) assert.equal(answer, fresh, line.join(" "));
        assert.equal(await answerOf(used, ["who"]), who, `after ${line.join(" ")}`);
      }
      // Written at once, so that what came behind a reply would be the next one's.
      const many = await Promise.all(
        Array.from({ length: 50 }, (_, at) => answerOf(used, at % 2 === 0 ? ["who"] : line)),
      );
      for (const [at, answer] of many.entries()) {
        if (at % 2 === 0) assert.equal(answer, who, `amid ${line.join(" ")}`);
        else if (isSteady(line)) assert.equal(answer, fresh, line.join(" "));
      }
    }
    session.end();
  });

  test(`kinds on ${version} › other commands on a used connection › answer late, which the catalogue knows`, async () => {
    const [started, session] = await withRows(version);
    await using dovecot = started;
    const late: string[] = [];
    for (const line of lines) {
      const [name, ...args] = line;
      if (!isSteady(line) || connectionKindOf(name, args, version) === "plain") continue;
      await using connection = await open(dovecot);
      const fresh = await answerOf(connection, line);
      await using used = await open(dovecot);
      await answerOf(used, ["who"]);
      if (await answerOf(used, line) !== fresh) late.push(line.join(" "));
    }
    const always = ["who -1", "who -1 alice", "penalty", "penalty 10.0.0.0/8", "instance list"];
    const more = version === "2.4" ? ["kick nobody"] : [];
    assert.deepEqual(new Set(late), new Set([...always, ...more, "auth cache flush alice"]));
    session.end();
  });

  test(`kinds on ${version} › all of them and mail commands at once, by the pool › each is right`, async () => {
    const [started, session] = await withRows(version);
    await using dovecot = started;
    const right = new Map<string, string>();
    for (const line of lines.filter(isSteady)) {
      await using connection = await open(dovecot);
      right.set(line.join("\t"), await answerOf(connection, line));
    }
    for (const maxConnections of [1, 3, 10]) {
      await using doveadm = connect({ path: dovecot.socket }, { maxConnections });
      const fields = async (request: DoveadmRequest) => {
        const { fields } = await doveadm.send(request).catch((error) => error.reply);
        return fields as readonly string[];
      };
      // Two thirds of twice as many as there are lines: each line once at least.
      const calls = Array.from({ length: 2 * lines.length }, async (_, at) => {
        const user = dovecot.users[at % dovecot.users.length];
        if (at % 3 === 0) {
          const count = user === "alice" ? 4 : 1;
          assert.equal((await fields({ name: "mailbox list", user })).length, count);
          return;
        }
        const line = lines[at % lines.length];
        const [name, ...args] = line;
        const answer = await fields({ name, args });
        if (isSteady(line)) {
          assert.deepEqual(answer, JSON.parse(right.get(line.join("\t"))!)[1], line.join(" "));
        } else if (name in columns) {
          assert(
            answer.length > 0 && answer.length % columns[name] === 0,
            `${name}: ${answer.length}`,
          );
        }
      });
      await Promise.all(calls);
    }
    session.end();
  });
}

test("kinds › kick on a used connection › names whom it kicked in 2.3, and says late how many in 2.4", async () => {
  for (const version of ["2.3", "2.4"] as const) {
    const [started, first] = await withRows(version);
    await using dovecot = started;
    await using used = await open(dovecot);
    const who = () => answerOf(used, ["who", "bob"]);
    assert.equal(await who(), '["+",[]]');
    const answers: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const session = startSession();
      const place = { version, folder: dovecot.folder } as Parameters<typeof tellAnvil>[0];
      await tellAnvil(place, { user: "alice", pid: session.pid });
      answers.push(await answerOf(used, ["kick", "alice"]));
      if (version === "2.4") {
        session.end();
        break;
      }
      await session.ended;
      assert.equal(await who(), '["+",[]]');
    }
    const kicked = '["+",["alice"]]';
    assert.deepEqual(answers, version === "2.3" ? [kicked, kicked, kicked] : ['["+",[]]']);
    first.end();
  }
});

test("kinds › after a mail command › plain ones fail in 2.3, which the pool knows", async () => {
  await using dovecot = await startDovecot();
  {
    await using connection = await open(dovecot);
    await connection.send({ name: "mailbox list", user: "alice" });
    assert.equal(await answerOf(connection, ["user", "*"]), '["DATAERR",["{\\"userList\\":[]}"]]');
    assert.equal(await answerOf(connection, ["who"]), "ConnectionLostError");
  }
  await using doveadm = connect({ path: dovecot.socket }, { maxConnections: 1 });
  for (let turn = 0; turn < 3; turn++) {
    await doveadm.run("mailbox list", { user: "alice" });
    assert.equal((await doveadm.run("user", { userMask: ["*"] })).length, 3);
    assert.deepEqual(await doveadm.run("who"), []);
  }
});
