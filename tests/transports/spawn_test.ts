import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { spawn as spawnWithBun } from "../../transports/bun.ts";
import { spawn as spawnWithDeno } from "../../transports/deno.ts";
import { spawn } from "../../transports/mod.ts";
import { spawn as spawnWithNode } from "../../transports/node.ts";
import type { Spawn } from "../../transports/transport.ts";
import { endOf, listen, temporaryFolder } from "../harness/sockets.ts";
import {
  assertEnd,
  assertReads,
  type Conversation,
  mebibyte,
  pattern,
  rejectsWith,
  testTransport,
} from "./conformance.ts";
import { argumentsToRun } from "../harness/this_runtime.ts";
import { testSpawn } from "./spawn_conformance.ts";

const isDeno = "Deno" in globalThis;

const adapters: [name: string, spawn: Spawn][] = [["node.ts", spawnWithNode]];
if (isDeno) adapters.unshift(["deno.ts", spawnWithDeno]);
if ("Bun" in globalThis) adapters.unshift(["bun.ts", spawnWithBun]);

for (const [name, spawn] of adapters) testSpawn({ name: `${name} a process`, spawn });

const file = fileURLToPath(new URL("./stdio_program.ts", import.meta.url));

/** The command that starts the program; its task follows. */
const program = [process.execPath, ...argumentsToRun(file)];

const [[adapter, spawnItself]] = adapters;
testTransport({
  name: `${adapter} a process with stdio.ts`,
  open: () => relayed(spawnItself),
  much: 32 * mebibyte,
  whenPeerCloses: "reset",
  keepsWhatIsWritten: true,
  refusesTls: true,
  // Deno ends the pipe of its stdout only with the process.
  outlivesEnd: !isDeno,
});

test("mod.ts › spawn() › starts a process", async () => {
  await using child = await spawn(["/bin/cat"]);
  assert.match(child.transport.peer, /^process \/bin\/cat \(pid \d+\)$/);
});

test("stdio.ts › between pipes › all data passes through", async () => {
  const bytes = pattern(3 * mebibyte);
  const script = 'cat | { "$@"; echo $? >&2; } | cat';
  let code = "";
  await using child = await spawn(["/bin/sh", "-c", script, "sh", ...program, "echo"], {
    onStderr: (chunk) => code += new TextDecoder().decode(chunk),
  });
  const write = async () => {
    await child.transport.write(bytes);
    await child.transport.closeWrite();
  };
  await Promise.all([write(), assertReads(child.transport, bytes)]);
  await assertEnd(child.transport);
  await child.exited;
  assert.equal(code.trim(), "3");
});

test("stdio.ts › between files › all data passes through", async () => {
  await using folder = await temporaryFolder();
  const [input, output] = ["in", "out"].map((name) => join(folder.path, name));
  const bytes = pattern(3 * mebibyte);
  await writeFile(input, bytes);
  const script = 'in="$1" out="$2"; shift 2; exec "$@" <"$in" >"$out"';
  const command = ["/bin/sh", "-c", script, "sh", input, output, ...program, "echo"];
  await using child = await spawn(command);
  assert.deepEqual(await child.exited, { code: 3, signal: undefined });
  assert.ok((await readFile(output)).equals(bytes));
});

test("stdio.ts › between /dev/null and /dev/null › reads the end", async () => {
  const script = 'exec "$@" </dev/null >/dev/null';
  await using child = await spawn(["/bin/sh", "-c", script, "sh", ...program, "echo"]);
  assert.deepEqual(await child.exited, { code: 3, signal: undefined });
});

for (const [to, rest] of [["what spawn gives", ""], ["a pipe", " | cat"]]) {
  /** A shell that reports the program's end at once. */
  const command = (...args: string[]) => {
    const script = `{ "$@"; echo " $?" >&2; }${rest}`;
    return ["/bin/sh", "-c", script, "sh", ...program, ...args];
  };

  test(`stdio.ts › a slow reader of ${to} › gets everything that was written`, async () => {
    let said = "";
    await using child = await spawn(command("writeThenClose", String(mebibyte)), {
      onStderr: (chunk) => said += new TextDecoder().decode(chunk),
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    await assertReads(child.transport, pattern(mebibyte));
    await assertEnd(child.transport);
    await child.exited;
    assert.equal(said, " 4\n");
  });

  test(`stdio.ts › close() during a blocked write to ${to} › read and write reject, the process ends`, async () => {
    let said = "";
    await using child = await spawn(command("blocked"), {
      onStderr: (chunk) => said += new TextDecoder().decode(chunk),
    });
    // Its output isn't read until it has ended.
    while (!said.endsWith("\n")) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(said, '["closed","closed"] 5\n');
    while (await child.transport.read() !== undefined);
  });
}

test("stdio.ts › its reader has ended › writing rejects, reading works", async () => {
  let said = "";
  const script = 'exec 3<&0; "$@" <&3 | head -c 1000 >/dev/null';
  await using child = await spawn(["/bin/sh", "-c", script, "sh", ...program, "broken"], {
    onStderr: (chunk) => said += new TextDecoder().decode(chunk),
  });
  await child.transport.write(pattern(mebibyte));
  await child.transport.closeWrite();
  await assertEnd(child.transport);
  await child.exited;
  assert.equal(said, `["reset",${mebibyte},"reset"]`);
});

if (isDeno) {
  test("deno.ts › starting a process without permissions › the error names those that are needed", async () => {
    const script = `
    import { spawn } from ${JSON.stringify(new URL("../../transports/deno.ts", import.meta.url))};
    const told = [];
    for (const [command, env] of [["/bin/cat"], ["/bin/cat", {}], ["/bin/true", {}]]) {
      told.push(await spawn([command], { env }).then(
        async (child) => (await child.exited).code,
        ({ code, message }) => code + ": " + message,
      ));
    }
    console.log(JSON.stringify(told));
  `;
    await using folder = await temporaryFolder();
    const path = join(folder.path, "script.ts");
    await writeFile(path, script);
    const flags = ["--no-prompt", "--no-check", "--allow-run=/bin/true"];
    const run = async (...more: string[]) => {
      const command = [process.execPath, "run", ...flags, ...more, path];
      await using child = await spawn(command);
      let text = "";
      for (let chunk; (chunk = await child.transport.read()) !== undefined;) {
        text += new TextDecoder().decode(chunk);
      }
      return JSON.parse(text);
    };
    const refused = (program: string, env: string) =>
      `denied: Cannot start ${program}: Deno doesn't permit this. Add --allow-run=${program} and ${env}.`;
    assert.deepEqual(await run(), [
      refused("/bin/cat", "--allow-env"),
      refused("/bin/cat", "--allow-env=NODE_V8_COVERAGE"),
      refused("/bin/true", "--allow-env=NODE_V8_COVERAGE"),
    ]);
    assert.deepEqual(await run("--allow-env=NODE_V8_COVERAGE"), [
      refused("/bin/cat", "--allow-env"),
      refused("/bin/cat", "--allow-env=NODE_V8_COVERAGE"),
      0,
    ]);
  });
}

test("adapters › a missing program › the same error from each", async () => {
  for (const [, spawn] of adapters) {
    await rejectsWith("not-found", spawn(["/proc/nonexistent"]), "Cannot start /proc/nonexistent");
  }
});

/** A conversation with a process that passes all data to a socket of this one. */
async function relayed(spawn: Spawn): Promise<Conversation> {
  const accepted = Promise.withResolvers<Socket>();
  const server = await listen("unix", accepted.resolve);
  const path = server.address.transport === "unix" ? server.address.path : "";
  const child = await spawn([...program, "relay", path]);
  const peer = endOf(await accepted.promise);
  return {
    transport: child.transport,
    peer,
    async [Symbol.asyncDispose](): Promise<void> {
      // The program ends with the socket.
      await peer.close();
      await child[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
