/**
 * One command with nothing open before it, at a real Dovecot 2.3: what a script pays that runs `doveadm` for each
 * user, and what connecting costs a client. CPU includes that of the programs.
 *
 * @module
 */

import assert from "node:assert/strict";
import { encodeCommand } from "../core/doveadm/command.ts";
import { connect, DoveadmConnection } from "../mod.ts";
import type { Dovecot } from "../tests/harness/dovecot/dovecot.ts";
import { ensureProgram } from "../tests/harness/programs.ts";
import { connect as connectTransport } from "../transports/mod.ts";
import { BareDoveadm } from "./bare/bare_doveadm.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { output } from "./harness/program.ts";
import { doveadmCommand, withUsers } from "./peers/dovecot.ts";

const USER = "user0";
const list = { name: "mailbox list", user: USER } as const;

/** A command each, with a connection of its own. */
function ways(
  run: Run,
  dovecot: Dovecot,
  curl: string,
): Readonly<Record<string, () => Promise<unknown>>> {
  const { socket, httpPort, password } = dovecot;
  const address = { transport: "unix", path: socket } as const;
  const url = `http://127.0.0.1:${httpPort}` as const;
  const login = ["--silent", "--fail", "--user", `doveadm:${password}`];
  const body = ["--data", JSON.stringify([["mailboxList", { user: USER }, "t"]])];
  const { perl } = run;
  return {
    async "bare socket"() {
      using bare = await BareDoveadm.open(address);
      await bare.run(encodeCommand(list), 1);
    },
    async "DoveadmConnection"() {
      await using connection = await DoveadmConnection.open(await connectTransport(address));
      assert.equal((await connection.send(list)).ok, true);
    },
    async "Doveadm.run"() {
      await using doveadm = connect({ path: socket }, { spares: 0 });
      await doveadm.run("mailbox list", { user: USER });
    },
    async "run over HTTP"() {
      await using doveadm = connect(url, { password });
      await doveadm.run("mailbox list", { user: USER });
    },
    async "curl over HTTP"() {
      assert.match(await output([curl, ...login, ...body, `${url}/doveadm/v1`]), /INBOX/);
    },
    async "doveadm"() {
      const command = doveadmCommand("2.3", dovecot, "mailbox", "list", "-u", USER);
      assert.match(await output(command), /INBOX/);
    },
    async "doveadm -S"() {
      const server = `127.0.0.1:${dovecot.port}`;
      const command = doveadmCommand(
        ...["2.3", dovecot, "mailbox", "list", "-u", USER, "-S", server] as const,
      );
      assert.match(await output(command), /INBOX/);
    },
    ...(perl === undefined
      ? {}
      : { "a client in Perl": () => output(["perl", perl, socket, USER, "1"]) }),
  };
}

async function oneCommand(run: Run): Promise<void> {
  const curl = await ensureProgram("curl");
  await withUsers(run, { count: 1 }, async (dovecot) => {
    const amount = run.size(5, 1);
    const single = Object.entries(ways(run, dovecot, curl));
    await run.compare({
      name: "mailbox list, a connection or process for each",
      ...{ amount, unit: "commands", seconds: 5 },
      ways: Object.fromEntries(
        single.map(([name, act]) => [name, async () => {
          for (let time = 0; time < amount; time++) await act();
        }]),
      ),
    });
  });
}

/** The bench. */
export const bench: Bench = { title: "One command from cold", parts: { oneCommand } };
