import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { decodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { type ExecOptions, type ExecProgram, xexec } from "../../../examples/xexec/command.ts";
import { RunningProgram } from "../../../examples/xexec/running_program.ts";
import type { ScriptedEnd } from "../../imap/scripted_end.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { connectToCommands, talkTo } from "../command_server.ts";
import { until } from "../../harness/until.ts";

/** A shell's script, which gets the client's words. */
function script(text: string, more: Partial<ExecProgram> = {}): ExecProgram {
  return { argv: ["/bin/sh", "-c", text, "sh"], ...more };
}

/** Runs a conversation with programs. */
async function talk(
  programs: Record<string, ExecProgram>,
  act: (client: ScriptedEnd, errors: readonly unknown[]) => Promise<void>,
  options?: ExecOptions,
): Promise<void> {
  await using connection = connectToCommands([xexec(programs, options)]);
  await act(await talkTo(connection), connection.errors);
}

function printed(line: string): string {
  return `* XEXEC {${line.length}}\r\n${line}\r\n`;
}

/** Whether a process runs; a zombie doesn't. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("XEXEC › a program › prints its lines, and its exit code decides", async () => {
  const programs = {
    good: script('printf "one\\n\\ntwo) {9+}\\r\\n* BYE"'),
    bad: script("echo no; exit 3"),
    killed: script("kill -TERM $$"),
  };
  await talk(programs, async (client) => {
    await client.say("a XEXEC good\r\n");
    const lines = ["one", "", "two) {9+}\r", "* BYE"];
    await client.hears(`+ running\r\n${lines.map(printed).join("")}`);
    await client.hears("a OK [XEXEC 0] good has ended.\r\n");
    await client.say("b XEXEC bad\r\n");
    await client.hears(`+ running\r\n${printed("no")}b NO [XEXEC 3] bad has failed.\r\n`);
    await client.say("c XEXEC killed\r\n");
    await client.hears("+ running\r\nc NO killed was ended by SIGTERM.\r\n");
  });
});

test("XEXEC › a program that ends before its lines are read › has them", async () => {
  const limits = { timeout: Infinity, maxOutput: 1000 };
  const program = await RunningProgram.start(["/bin/echo", "all of it"], limits);
  assert.deepEqual(await program.ended, { type: "exit", code: 0 });
  await new Promise((resolve) => setTimeout(resolve, 10));
  const lines: string[] = [];
  for await (const line of program.lines()) lines.push(decodeUtf8(line));
  assert.deepEqual(lines, ["all of it"]);
});

test("XEXEC › a client's words › are arguments if the entry allows them, and never more", async () => {
  const programs = {
    show: script('printf "%s\\n" "$@"', { words: { pattern: "[a-z ;$()*'-]+", max: 2 } }),
    none: script("echo ran"),
  };
  await talk(programs, async (client) => {
    await client.say(`a XEXEC show "a b; ls" "$(id)*'"\r\n`);
    await client.hears(`+ running\r\n${printed("a b; ls")}${printed("$(id)*'")}a OK [XEXEC 0] `);
    await client.line();
    const refused = [
      ["show a b c", "BAD"],
      ["show A", "BAD"],
      ["show -l", "BAD"],
      ["show --", "BAD"],
      ['show ""', "BAD"],
      ["show {3+}\r\na\r\n", "BAD"],
      [`show ${"a".repeat(1001)}`, "BAD"],
      ["none a", "BAD"],
      ["other", "NO"],
      ["__proto__", "NO"],
      ["constructor", "NO"],
      ["SHOW", "NO"],
      ["/bin/sh", "NO"],
    ];
    for (const [words, status] of refused) {
      await client.say(`b XEXEC ${words}\r\n`);
      assert.match(await client.line(), new RegExp(`^b ${status} `), words);
    }
  });
});

test("XEXEC › the program's surroundings › are an empty environment, the root and no input", async () => {
  const programs = { env: { argv: ["/usr/bin/env"] }, where: script("pwd; wc -c; echo x >&2") };
  await talk(programs, async (client) => {
    await client.say("a XEXEC env\r\n");
    await client.hears("+ running\r\na OK [XEXEC 0] env has ended.\r\n");
    await client.say("b XEXEC where\r\n");
    await client.hears(`+ running\r\n${printed("/")}${printed("0")}b OK [XEXEC 0] `);
  });
});

test("XEXEC › more output or time than allowed › kills the program", async () => {
  const programs = {
    much: script("exec yes", { maxOutput: 5 }),
    long: script("exec sleep 1000", { timeout: 20 }),
    line: script("head -c 20000 /dev/zero | tr '\\0' x"),
  };
  await talk(programs, async (client) => {
    await client.say("a XEXEC much\r\n");
    await client.hears(`+ running\r\n${printed("y")}${printed("y")}${printed("y")}`);
    await client.hears("a NO [LIMIT] much printed too much and was killed.\r\n");
    await client.say("b XEXEC long\r\n");
    await client.hears("+ running\r\nb NO [LIMIT] long took too long and was killed.\r\n");
    await client.say("c XEXEC line\r\n");
    const pieces = [8192, 8192, 20_000 - 2 * 8192].map((size) => printed("x".repeat(size)));
    await client.hears(`+ running\r\n${pieces.join("")}c OK [XEXEC 0] `);
  });
});

test("XEXEC › each way that it ends › kills all that the program has started", async () => {
  await using folder = await temporaryFolder();
  const ends: readonly ((client: ScriptedEnd) => Promise<unknown>)[] = [
    (client) => client.say("DONE\r\n").then(() => client.hears("a OK tree was cancelled.\r\n")),
    (client) => client.say("x\r\n").then(() => client.line()),
    (client) => client.close(),
  ];
  for (const [at, end] of ends.entries()) {
    const file = join(folder.path, String(at));
    const tree = script(`sleep 1000 & echo $! $$ >${file}.part; mv ${file}.part ${file}; wait`);
    await talk({ tree }, async (client) => {
      await client.say("a XEXEC tree\r\n");
      await client.hears("+ running\r\n");
      await until(() => existsSync(file), "a start");
      const pids = readFileSync(file, "utf8").trim().split(" ").map(Number);
      await end(client);
      await until(() => !pids.some(isRunning), "an end");
    });
  }
  // A program that leaves somebody behind, who holds its output open.
  const file = join(folder.path, "left");
  await talk({ left: script(`sleep 1000 & echo $! >${file}`) }, async (client) => {
    await client.say("a XEXEC left\r\n");
    await client.hears("+ running\r\na OK [XEXEC 0] left has ended.\r\n");
    await until(() => !isRunning(Number(readFileSync(file, "utf8"))), "an end");
  });
});

test("XEXEC › a process that leaves the group and holds the output open › doesn't hold up the command's end", async () => {
  await using folder = await temporaryFolder();
  for (const end of ["DONE", "time"]) {
    const file = join(folder.path, end);
    const leave = `setsid sh -c 'echo $$ >${file}.part; mv ${file}.part ${file}; exec sleep 1000'`;
    const leaves = script(`${leave} & until [ -e ${file} ]; do sleep 0.01; done; echo left`, {
      timeout: end === "time" ? 1000 : 0,
    });
    await talk({ leaves, next: script("echo next") }, async (client, errors) => {
      await client.say("a XEXEC leaves\r\n");
      try {
        await client.hears(`+ running\r\n${printed("left")}`);
        if (end === "DONE") await client.say("DONE\r\n");
        // The program itself may have ended before or not.
        assert.match(await client.line(), /^a (OK|NO) .*(has ended|cancelled|was killed)\.\r\n$/);
        await client.say("b XEXEC next\r\n");
        await client.hears(`+ running\r\n${printed("next")}b OK `);
        assert.deepEqual(errors, []);
      } finally {
        process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
      }
    });
  }
});

test("XEXEC › too many at once › are refused, until one has ended", async () => {
  const command = xexec({ wait: script("exec sleep 1000") }, { maxPerUser: 1, maxInAll: 2 });
  const users = ["alice", "alice", "bob", "carol"];
  const connections = users.map((user) => connectToCommands([command], { user }));
  const clients = await Promise.all(connections.map(talkTo));
  const [first, second, bob, carol] = clients;
  for (const client of [first, bob]) {
    await client.say("a XEXEC wait\r\n");
    await client.hears("+ running\r\n");
  }
  for (const client of [second, carol]) {
    await client.say("b XEXEC wait\r\n");
    await client.hears("b NO [LIMIT] Too many programs run. Try again later.\r\n");
  }
  await first.say("DONE\r\n");
  await first.hears("a OK wait was cancelled.\r\n");
  await second.say("c XEXEC wait\r\n");
  await second.hears("+ running\r\n");
  for (const connection of connections) await connection[Symbol.asyncDispose]();
});

test("XEXEC › a client that doesn't read › makes the program wait", async () => {
  const programs = { many: script("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i + 1)); done") };
  await talk(programs, async (client) => {
    await client.say("a XEXEC many\r\n");
    await client.hears("+ running\r\n");
    for (let at = 0; at < 3000; at++) await client.hears(printed(String(at)));
    await client.hears("a OK [XEXEC 0] many has ended.\r\n");
  });
});

test("XEXEC › a program that isn't there › is NO, and reported", async () => {
  await talk({ none: { argv: ["/nowhere/none"] } }, async (client, errors) => {
    await client.say("a XEXEC none\r\n");
    assert.match(await client.line(), /^a NO \[SERVERBUG\]/);
    assert.match(String(errors), /ENOENT|nowhere/);
    await client.say("b XEXEC none\r\n");
    assert.match(await client.line(), /^b NO \[SERVERBUG\]/);
  });
});

test("XEXEC › an entry that is wrong › is an error that says so", () => {
  const cases: readonly [Record<string, ExecProgram>, RegExp][] = [
    [{ "a b": { argv: ["/bin/true"] } }, /name "a b"/],
    [{ a: { argv: [] } }, /"argv" of a must begin with an absolute path/],
    [{ a: { argv: ["true"] } }, /absolute path/],
    [{ a: { argv: ["/bin/true"], words: { pattern: "(", max: 1 } } }, /"words.pattern" of a/],
    [{ a: { argv: ["/bin/true"], words: { pattern: "a", max: -1 } } }, /"words.max" of a/],
    [{ a: { argv: ["/bin/true"], maxOutput: NaN } }, /"maxOutput" of a/],
    [{ a: { argv: ["/bin/true"], timeout: NaN } }, /"timeout" is NaN/],
  ];
  for (const [programs, message] of cases) {
    assert.throws(() => xexec(programs), (error: Error) => {
      assert(error instanceof LocalProtocolError);
      assert.match(error.message, message);
      return true;
    });
  }
});
