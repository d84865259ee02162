import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { argumentsToRun } from "../this_runtime.ts";
import { startDovecot } from "./dovecot.ts";
import type { Dovecot, DovecotVersion } from "./dovecot.ts";
import { APT_SCRIPT, INSTALL_SCRIPT, isDebianLike } from "./apt.ts";
import { IMAGE } from "./image.ts";
import { checkVersion, findDovecot } from "./install.ts";
import { logged } from "./log.ts";
import { ask, open, RAW } from "./wire.ts";

const MULTIPLEXED = "VERSION\tdoveadm-server\t1\t1\n";

const VERSIONS: readonly DovecotVersion[] = ["2.3", "2.4"];

function plain(password: string): string {
  return `PLAIN\t${Buffer.from(`\0doveadm\0${password}`).toString("base64")}\n`;
}

/** The users in a reply to "user *", sorted: Dovecot promises no order. */
function usersIn(answer: string): readonly string[] {
  const [list] = /^\{"userList":.*\}$/m.exec(answer) ?? assert.fail(answer);
  return JSON.parse(list).userList.sort();
}

/** Processes that are not zombies and have the text in their command line. */
async function processesWith(text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // A zombie's is empty, and that of a process that has just ended is missing.
    const line = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    if (line.includes(text)) found.push(`${name} ${line.replaceAll("\0", " ")}`);
  }
  return found;
}

/** The rest of a server: its processes, and its folder or the link to it. */
async function leftOf(folder: string): Promise<readonly string[]> {
  const parents = [dirname(folder), join(IMAGE, "tmp")];
  const names = await Promise.all(
    parents.map((parent) => readdir(parent).catch((): string[] => [])),
  );
  const folders = parents.filter((_, index) => names[index].includes(basename(folder)));
  return [...await processesWith(basename(folder)), ...folders];
}

/** Waits until nothing of the server is left, for a minute at most. */
async function assertGone(folder: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  let left = await leftOf(folder);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(20);
    left = await leftOf(folder);
  }
  assert.deepEqual(left, []);
}

for (const version of VERSIONS) {
  test(`Dovecot ${version} › three sockets › answer`, async () => {
    const dovecot = await startDovecot({ version });
    try {
      assert.match(
        await ask({ path: dovecot.socket }, MULTIPLEXED),
        /^VERSION\tdoveadm-client\t1\t\d+\n\+\n$/,
      );
      for (
        const address of [{ path: dovecot.passwordSocket }, {
          port: dovecot.port,
          host: "127.0.0.1",
        }]
      ) {
        assert.match(await ask(address, MULTIPLEXED), /^VERSION\tdoveadm-client\t1\t\d+\n-\n/);
      }
      assert.ok(dovecot.version.startsWith(`${version}.`), dovecot.version);
      assert.ok(dovecot.socket.startsWith(`${dovecot.folder}/`));
      await logged(dovecot, /starting up/);
      assert.doesNotMatch(await dovecot.log(), /Warning|Error|Fatal|Panic/);
    } finally {
      await dovecot.stop();
    }
  });
}

for (const version of VERSIONS) {
  test(`Dovecot ${version} › right and wrong passwords › log in, and don't`, async () => {
    const dovecot = await startDovecot({ version });
    try {
      for (
        const address of [{ path: dovecot.passwordSocket }, {
          port: dovecot.port,
          host: "127.0.0.1",
        }]
      ) {
        const right = await ask(address, `${RAW}${plain(dovecot.password)}\t\tuser\t*\n`);
        assert.match(right, /^-\n\+\n.*\n\+\n$/);
        assert.deepEqual(usersIn(right), ["alice", "bob", "carol"]);
        assert.equal(await ask(address, `${RAW}${plain("wrong")}\t\tuser\t*\n`), "-\n-\n");
      }
    } finally {
      await dovecot.stop();
    }
  });
}

for (const version of VERSIONS) {
  test(`Dovecot ${version} › default mail › is alice's, and bob's inbox is empty`, async () => {
    const dovecot = await startDovecot({ version });
    try {
      const run = (line: string) => ask({ path: dovecot.socket }, `${RAW}${line}\n`);
      const mailboxes = (await run("\talice\tmailbox list")).split("\n")[1].split("\t").sort();
      assert.deepEqual(mailboxes, ["", "INBOX", "Projects", "Projects/2024", "Sent"]);
      const subjects = await run("\talice\tfetch\tuid hdr.subject\tmailbox\tINBOX");
      assert.equal(subjects, "+\n1\tLunch?\t2\tMinutes\t3\tRe: Lunch?\t\n+\n");
      const received = await run("\talice\tfetch\tdate.received.unixtime\tuid\t1");
      assert.equal(received, `+\n${Date.UTC(2026, 0, 10, 12) / 1000}\t\n+\n`);
      assert.equal(await run("\tbob\tmailbox list"), "+\nINBOX\t\n+\n");
      assert.equal(await run("\tbob\tfetch\tuid\tall"), "+\n\n+\n");
      assert.match(await run("\tbob\tquota get"), /^\+\nUser quota\tSTORAGE\t0\t1048576\t0\t/);
      assert.match(await run("\t\tinstance list"), new RegExp(`^\\+\\n${dovecot.folder}/run\t`));
      assert.equal(await run("\tdave\tmailbox list"), "+\n\n-NOUSER\n");
      assert.doesNotMatch(await dovecot.log(), /Warning|Fatal|Panic/);
    } finally {
      await dovecot.stop();
    }
  });
}

for (const version of VERSIONS) {
  test(`Dovecot ${version} › options for users, mail, quota and settings › are used`, async () => {
    const dovecot = await startDovecot({
      version,
      users: ["dave", "eve@example.org"],
      mail: {
        dave: {
          INBOX: [new Uint8Array([0x41, 0x3a, 0x20, 0xff, 0x0a, 0x0a])],
          "Entwürfe & mehr/日本": [],
        },
      },
      quota: "10M",
      processLimit: 7,
      extraConfig: (folder) => `doveadm_api_key = ${basename(folder)}\nmail_debug = yes\n`,
    });
    try {
      const run = (line: string) => ask({ path: dovecot.socket }, `${RAW}${line}\n`);
      assert.deepEqual(dovecot.users, ["dave", "eve@example.org"]);
      assert.deepEqual(usersIn(await run("\t\tuser\t*")), ["dave", "eve@example.org"]);
      const mailboxes = (await run("\tdave\tmailbox list")).split("\n")[1].split("\t").sort();
      assert.deepEqual(mailboxes, ["", "Entwürfe & mehr", "Entwürfe & mehr/日本", "INBOX"]);
      assert.equal(await run("\tdave\tfetch\tsize.physical\tall"), "+\n6\t\n+\n");
      assert.match(await run("\teve@example.org\tquota get"), /\tSTORAGE\t0\t10240\t0\t/);
      assert.match(
        await run("\t\tservice status"),
        /\ndoveadm(\t\d+){2}\t7\t|\tdoveadm(\t\d+){2}\t7\t/,
      );
      assert.match(
        await readFile(join(dovecot.folder, "dovecot.conf"), "utf8"),
        /_key = dw\w{6}\n/,
      );
      await logged(dovecot, /Debug/);
    } finally {
      await dovecot.stop();
    }
  });
}

for (const version of VERSIONS) {
  test(`Dovecot ${version} › many connections at once › are accepted`, async () => {
    const dovecot = await startDovecot({ version });
    try {
      const address = { port: dovecot.port, host: "127.0.0.1" };
      const asked = Array.from({ length: 50 }, () => ask(address, MULTIPLEXED));
      for (const answer of await Promise.all(asked)) assert.match(answer, /^VERSION\t/);
      assert.doesNotMatch(await dovecot.log(), /Warning|Error|Fatal|Panic/);
    } finally {
      await dovecot.stop();
    }
  });
}

/** Connects and finds the process that serves the connection, the only one of a new server. */
async function openWithWorker(dovecot: Dovecot): Promise<{ socket: Socket; worker: number }> {
  const socket = open({ path: dovecot.socket });
  const answered = new Promise((resolve, reject) => {
    socket.once("data", resolve);
    socket.once("error", reject);
  });
  socket.write(`${MULTIPLEXED}\talice\tmailbox list\n`);
  await answered;
  const processes = await dovecot.processes();
  const workers = processes.filter(({ command }) => command.includes("/doveadm-server"));
  assert.equal(workers.length, 1, JSON.stringify(processes));
  assert.ok(!processes.some(({ pid }) => pid === dovecot.pid));
  return { socket, worker: workers[0].pid };
}

for (const version of VERSIONS) {
  test(`Dovecot ${version} › a connection's worker › can be found and killed`, async () => {
    const dovecot = await startDovecot({ version });
    try {
      const { socket, worker } = await openWithWorker(dovecot);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      let error: NodeJS.ErrnoException | undefined;
      socket.once("error", (it) => error = it);
      process.kill(worker, "SIGKILL");
      await closed;
      assert.ok(error === undefined || error.code === "ECONNRESET", String(error));
      assert.ok(!(await dovecot.processes()).some(({ pid }) => pid === worker));
      assert.match(await ask({ path: dovecot.socket }, MULTIPLEXED), /\n\+\n$/);
    } finally {
      await dovecot.stop();
    }
  });
}

for (const version of VERSIONS) {
  test(`Dovecot ${version} › stop(), also twice › leaves no process and no folder`, async () => {
    const dovecot = await startDovecot({ version });
    assert.ok((await processesWith(basename(dovecot.folder))).length >= 3);
    await Promise.all([dovecot.stop(), dovecot.stop()]);
    assert.deepEqual(await leftOf(dovecot.folder), []);
    await dovecot.stop();
    await assert.rejects(ask({ port: dovecot.port, host: "127.0.0.1" }, MULTIPLEXED));
  });
}

test("Dovecot › disposing of a server › stops it", async () => {
  const dovecot: AsyncDisposable & Dovecot = await startDovecot();
  await dovecot[Symbol.asyncDispose]();
  assert.deepEqual(await leftOf(dovecot.folder), []);
});

for (const version of VERSIONS) {
  test(`Dovecot ${version} › stopped workers, or a killed master › are ended by stop()`, async () => {
    const dovecots = await Promise.all([startDovecot({ version }), startDovecot({ version })]);
    for (const [index, dovecot] of dovecots.entries()) {
      const { socket, worker } = await openWithWorker(dovecot);
      socket.on("error", () => {});
      process.kill(worker, "SIGSTOP");
      if (index === 1) process.kill(dovecot.pid, "SIGKILL");
      await dovecot.stop();
      assert.deepEqual(await leftOf(dovecot.folder), []);
      socket.destroy();
    }
  });
}

test("Dovecot › two servers at once › share nothing", async () => {
  const [first, second] = await Promise.all([
    startDovecot(),
    startDovecot({ version: "2.4", users: ["dave"] }),
  ]);
  try {
    assert.notEqual(first.port, second.port);
    assert.notEqual(first.folder, second.folder);
    const users = async (dovecot: Dovecot) =>
      usersIn(await ask({ path: dovecot.socket }, `${RAW}\t\tuser\t*\n`));
    assert.deepEqual(await users(first), ["alice", "bob", "carol"]);
    await first.stop();
    assert.deepEqual(await users(second), ["dave"]);
  } finally {
    await Promise.all([first.stop(), second.stop()]);
  }
});

for (const version of VERSIONS) {
  test(`Dovecot ${version} › a server that cannot start › says why and leaves nothing`, async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", () => resolve()));
    const { port } = other.address() as AddressInfo;
    const listener = `service doveadm {\n inet_listener taken {\n port = ${port}\n }\n}\n`;
    for (
      const [extraConfig, reason] of [
        ["no_such_setting = yes\n", "no_such_setting"],
        [listener, "Address already in use"],
      ]
    ) {
      const error = await startDovecot({ version, extraConfig }).catch((error) => error);
      assert.ok(error instanceof Error && error.message.includes(reason), String(error));
      const [, folder] =
        /^Dovecot 2\.\d\.\S* in (\S+) ended while it started\./.exec(error.message) ??
          [];
      assert.ok(folder !== undefined, error.message);
      assert.deepEqual(await leftOf(folder), []);
    }
    await new Promise((resolve) => other.close(resolve));
  });
}

test("Dovecot › invalid users and mailboxes › are refused", async () => {
  await assert.rejects(startDovecot({ users: ["a:b"] }), /"a:b" cannot be the name of a user/);
  await assert.rejects(startDovecot({ mail: { zoe: {} } }), /"zoe", who is not among the users/);
  await assert.rejects(startDovecot({ mail: { bob: { "a.b": [] } } }), /"a\.b" cannot be the name/);
});

/** Starts a server in another process, which then runs `code` to end; checks that the server ends with it. */
async function assertEndsWithParent(
  ending: string,
  { signal, version = "2.3" }: { signal?: NodeJS.Signals; version?: DovecotVersion } = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "parent"));
  try {
    const program = join(folder, "parent.mts");
    await writeFile(
      program,
      `import { startDovecot } from ${
        JSON.stringify(new URL("./dovecot.ts", import.meta.url).href)
      };
      const { folder } = await startDovecot({ version: "${version}" });
      console.log(folder);
      ${ending}`,
    );
    const args = argumentsToRun(program);
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    const line = await new Promise<string>((resolve) => {
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (chunk) => {
        output += chunk;
        if (output.endsWith("\n")) resolve(output.trim());
      });
      child.stdout.on("end", () => resolve(output.trim()));
    });
    assert.match(line, /\/dw\w{6}$/);
    if (signal !== undefined) {
      assert.ok((await processesWith(basename(line))).length >= 3);
      child.kill(signal);
    }
    await exited;
    await assertGone(line);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const WAIT = "setInterval(() => {}, 1000);";

for (const version of VERSIONS) {
  test(`Dovecot ${version} › a test process killed with SIGKILL › its server ends`, async () => {
    await assertEndsWithParent(WAIT, { signal: "SIGKILL", version });
  });
}

test("Dovecot › a test process ended with SIGTERM › its server ends", async () => {
  await assertEndsWithParent(WAIT, { signal: "SIGTERM" });
});

test("Dovecot › a test process interrupted with SIGINT › its server ends", async () => {
  await assertEndsWithParent(WAIT, { signal: "SIGINT" });
});

test("Dovecot › a test process that fails › its server ends", async () => {
  await assertEndsWithParent("setTimeout(() => { throw new Error('on purpose'); });");
});

test("Dovecot › a test process that exits › its server ends", async () => {
  await assertEndsWithParent("process.exit(0);");
});

test("Dovecot › a forgotten server › doesn't keep its test process, and ends with it", async () => {
  await assertEndsWithParent("");
});

test("Dovecot › installed versions › are found, or refused if unsupported", async () => {
  const folder = await mkdtemp(join(tmpdir(), "install"));
  try {
    assert.equal(await findDovecot([folder]), undefined);
    await writeFile(join(folder, "dovecot"), "#!/bin/sh\necho '2.4.1-4 (7d8c0e5759)'\n");
    await chmod(join(folder, "dovecot"), 0o755);
    assert.equal(await findDovecot([folder]), undefined);
    await writeFile(join(folder, "doveadm"), "");
    const found = await findDovecot(["/nowhere", folder]);
    const { dovecot, doveadm } = {
      dovecot: join(folder, "dovecot"),
      doveadm: join(folder, "doveadm"),
    };
    assert.deepEqual(found, { dovecot, doveadm, version: "2.4.1" });
    assert.throws(() => checkVersion({ dovecot, doveadm, version: "2.4.1" }), /is version 2\.4\.1/);
    checkVersion({ dovecot, doveadm, version: "2.3.21" });
    await writeFile(join(folder, "dovecot"), "#!/bin/sh\necho broken >&2\nexit 1\n");
    await assert.rejects(findDovecot([folder]), /--version: broken/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("Dovecot › Debian and its descendants › install it with apt", async () => {
  assert.ok(isDebianLike('PRETTY_NAME="Debian"\nID=debian\n'));
  assert.ok(isDebianLike("ID=ubuntu\nID_LIKE=debian"));
  assert.ok(isDebianLike('ID=linuxmint\nID_LIKE="ubuntu debian"\n'));
  assert.ok(!isDebianLike('ID="fedora"\nPRETTY_NAME=debian\n'));
  assert.ok(!isDebianLike(""));
  const child = spawn("sh", ["-nc", INSTALL_SCRIPT], { stdio: "ignore" });
  assert.equal(await new Promise((resolve) => child.once("exit", resolve)), 0);
});

test("Dovecot › lists of packages that are missing or too old › are updated before apt tries again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "apt"));
  try {
    const install = async (failures: number) => {
      await rm(join(folder, "calls"), { force: true });
      const text = `#!/bin/sh
case "$*" in *update*) echo update >>${folder}/calls; exit 100 ;; esac
echo "install \${*##*install }" >>${folder}/calls
[ "$(grep -c install ${folder}/calls)" -gt ${failures} ]
`;
      await writeFile(join(folder, "apt-get"), text, { mode: 0o755 });
      const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
      const args = ["-euc", APT_SCRIPT, "sh", "one", "two"];
      const child = spawn("sh", args, { env, stdio: "ignore" });
      const status = await new Promise((resolve) => child.once("exit", resolve));
      return [status, await readFile(join(folder, "calls"), "utf8")];
    };
    const once = "install one two\n";
    assert.deepEqual(await install(0), [0, once]);
    assert.deepEqual(await install(1), [0, `${once}update\n${once}`]);
    assert.deepEqual(await install(2), [1, `${once}update\n${once}`]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
