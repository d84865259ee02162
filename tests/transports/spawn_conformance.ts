/**
 * What every way to start a process does, as tests to be registered for each of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/errors.ts";
import type {
  Spawn,
  SpawnOptions,
  Transport,
  TransportErrorCode,
} from "../../transports/transport.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { assertEnd, assertReads, mebibyte, pattern, rejectsWith, turn } from "./conformance.ts";

/** A way to start processes, and what its tests are named for. */
export interface SpawnSubject {
  readonly name: string;
  readonly spawn: Spawn;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Registers the tests of processes. */
export function testSpawn(subject: SpawnSubject): void {
  testPipes(subject);
  testEnding(subject);
  testDescriptor3(subject);
  testStderr(subject);
  testEnvironment(subject);
  testNotStarting(subject);
  testSignal(subject);
  testLeavingNothing(subject);
}

function testPipes({ name, spawn }: SpawnSubject): void {
  test(`${name} › arguments with special characters › arrive unchanged, and the peer has a name`, async () => {
    const args = ["", "a b", "*", "$HOME", "'\"\\", "é", "-e", "--check", process.execPath];
    const script = 'for arg; do printf "[%s]" "$arg"; done';
    await using child = await spawn(["/bin/sh", "-c", script, "sh", ...args]);
    assert.equal(await textOf(child), args.map((arg) => `[${arg}]`).join(""));
    assert.equal(child.transport.peer, `process /bin/sh (pid ${child.pid})`);
  });

  test(`${name} › a program's name and a working directory › found in PATH, started there`, async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "found"), "");
    await using child = await spawn(["ls"], { cwd: folder.path });
    assert.equal(await textOf(child), "found\n");
  });

  test(`${name} › 32 MiB in both directions at once › arrive`, async () => {
    await using child = await spawn(["/bin/cat"]);
    const { transport } = child;
    const bytes = pattern(32 * mebibyte);
    const write = async () => {
      await transport.write(bytes);
      await transport.closeWrite();
    };
    await Promise.all([write(), assertReads(transport, bytes)]);
    await assertEnd(transport);
    assert.deepEqual(await child.exited, { code: 0, signal: undefined });
  });

  test(`${name} › close() › resolves when the process has ended`, async () => {
    const child = await spawn(["/bin/cat"]);
    let hasExited = false;
    void child.exited.then(() => hasExited = true);
    await child.close();
    assert.ok(hasExited);
    await child.close();
  });

  test(`${name} › the process has closed its stdout › writing still works`, async () => {
    let said = "";
    await using child = await spawn(["/bin/sh", "-c", "exec >&-; cat | wc -c >&2"], {
      onStderr: (chunk) => said += decoder.decode(chunk),
    });
    await assertEnd(child.transport);
    await child.transport.write(pattern(mebibyte));
    await child.transport.closeWrite();
    await child.exited;
    assert.equal(said.trim(), String(mebibyte));
  });

  test(`${name} › the process ends without reading › writing rejects, reading works`, async () => {
    await using child = await spawn(["/bin/sh", "-c", "head -c 200000 /dev/zero"]);
    const { transport } = child;
    const rejected = rejectsWith("reset", transport.write(pattern(8 * mebibyte)), transport.peer);
    await assertReads(transport, new Uint8Array(200_000));
    await assertEnd(transport);
    await rejected;
    await rejectsWith("reset", transport.write(Uint8Array.of(1)));
    await rejectsWith("reset", transport.closeWrite());
    assert.deepEqual(await child.exited, { code: 0, signal: undefined });
  });

  test(`${name} › a process writes without end › memory stays bounded`, async () => {
    await using child = await spawn(["/bin/cat", "/dev/zero"]);
    await child.transport.read();
    // It would write hundreds of megabytes.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const taken = writtenBy(child.pid);
    assert.ok(taken < 64 * mebibyte, `${taken} bytes were taken`);
  });
}

function testEnding({ name, spawn }: SpawnSubject): void {
  test(`${name} › a process writes and ends › exited resolves after its output was read`, async () => {
    await using child = await spawn(["/bin/sh", "-c", "head -c 300000 /dev/zero; exit 7"]);
    const told: string[] = [];
    const exited = child.exited.then((status) => {
      told.push("exited");
      return status;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await assertReads(child.transport, new Uint8Array(300_000));
    told.push("read");
    await assertEnd(child.transport);
    assert.deepEqual(await exited, { code: 7, signal: undefined });
    assert.deepEqual(told, ["read", "exited"]);
  });

  test(`${name} › a process ends without output › exited resolves without reading`, async () => {
    await using child = await spawn(["/bin/sh", "-c", "exit 255"]);
    assert.deepEqual(await child.exited, { code: 255, signal: undefined });
    child.kill();
    await assertEnd(child.transport);
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`${name} › kill() › sends ${signal}`, async () => {
      await using child = await spawn(["/bin/cat"]);
      if (signal === "SIGTERM") child.kill();
      else child.kill(signal);
      await assertEnd(child.transport);
      assert.deepEqual(await child.exited, { code: undefined, signal });
    });
  }

  test(`${name} › a process is killed during a blocked write › the write rejects`, async () => {
    await using child = await spawn(["/bin/sleep", "600"]);
    const rejected = rejectsWith("reset", child.transport.write(pattern(8 * mebibyte)));
    await turn();
    child.kill("SIGKILL");
    await rejected;
    await assertEnd(child.transport);
    assert.deepEqual(await child.exited, { code: undefined, signal: "SIGKILL" });
  });

  test(`${name} › close() of a process that ends with its stdin › it ends by itself`, async () => {
    // Not by SIGTERM, which comes after a time.
    const script = "trap '' TERM; echo; cat >/dev/null; exit 9";
    const child = await spawn(["/bin/sh", "-c", script]);
    await child.transport.read();
    await child.transport.close();
    await child.transport.close();
    assert.deepEqual(await child.exited, { code: 9, signal: undefined });
  });

  test(`${name} › close() of a process that ignores the end of its stdin › SIGTERM ends it`, async () => {
    const child = await spawn(["/bin/sleep", "600"]);
    const rejected = rejectsWith("closed", child.transport.read(), child.transport.peer);
    await turn();
    await child.transport.close();
    await rejected;
    assert.deepEqual(await child.exited, { code: undefined, signal: "SIGTERM" });
  });

  test(`${name} › disposing of a process that ignores SIGTERM › SIGKILL ends it, and that is awaited`, async () => {
    const child = await spawn(["/bin/sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"]);
    await child.transport.read();
    await child[Symbol.asyncDispose]();
    assert.throws(() => process.kill(child.pid, 0), { code: "ESRCH" });
    assert.deepEqual(await child.exited, { code: undefined, signal: "SIGKILL" });
  });

  test(`${name} › a child of the process keeps its stdout › exited resolves after close()`, async () => {
    await using child = await spawn(["/bin/sh", "-c", "sleep 600 & echo $!"], {
      onStderr: () => {},
    });
    const other = Number(decoder.decode(await child.transport.read()));
    try {
      let told = false;
      child.exited.then(() => told = true);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(told, false);
      await child.transport.close();
      assert.deepEqual(await child.exited, { code: 0, signal: undefined });
    } finally {
      process.kill(other, "SIGKILL");
    }
  });
}

function testDescriptor3({ name, spawn }: SpawnSubject): void {
  for (const size of [0, 20, 3 * mebibyte]) {
    test(`${name} › ${size} bytes for file descriptor 3 › arrive with the end`, async () => {
      const bytes = pattern(size);
      const descriptor3 = bytes.slice();
      await using child = await spawn(["/bin/sh", "-c", "cat <&3; cat"], { descriptor3 });
      // It was copied.
      descriptor3.fill(0);
      await assertReads(child.transport, bytes);
      await child.transport.write(Uint8Array.of(1));
      await child.transport.closeWrite();
      await assertReads(child.transport, Uint8Array.of(1));
      await assertEnd(child.transport);
    });
  }

  test(`${name} › a Buffer for file descriptor 3 › is copied, and stays as it is`, async () => {
    const descriptor3 = Buffer.from("s3cret");
    await using child = await spawn(["/bin/sh", "-c", "cat <&3"], { descriptor3 });
    assert.equal(await textOf(child), "s3cret");
    await child.exited;
    assert.equal(descriptor3.toString(), "s3cret");
    const text = "s3cret" as unknown as Uint8Array;
    await assert.rejects(spawn(["/bin/true"], { descriptor3: text }), LocalProtocolError);
  });

  for (const size of [20, 3 * mebibyte]) {
    test(`${name} › a process doesn't read the ${size} bytes of file descriptor 3 › ends normally`, async () => {
      for (const script of ["exit 0", "exec 3<&-; cat", "cat"]) {
        const descriptor3 = pattern(size);
        await using child = await spawn(["/bin/sh", "-c", script], { descriptor3 });
        if (script !== "exit 0") {
          await child.transport.write(Uint8Array.of(1));
          await child.transport.closeWrite();
          await assertReads(child.transport, Uint8Array.of(1));
        }
        await assertEnd(child.transport);
        assert.deepEqual(await child.exited, { code: 0, signal: undefined });
      }
    });
  }

  test(`${name} › no option descriptor3 › there is no file descriptor 3`, async () => {
    await using child = await spawn(["/bin/sh", "-c", "(: <&3) 2>/dev/null || echo none"]);
    assert.equal(await textOf(child), "none\n");
  });
}

function testStderr({ name, spawn }: SpawnSubject): void {
  test(`${name} › much output on stderr › is passed on before exited resolves`, async () => {
    let size = 0;
    await using child = await spawn(["/bin/sh", "-c", "head -c 3000000 /dev/zero >&2; echo out"], {
      onStderr: (chunk) => size += chunk.length,
    });
    assert.equal(await textOf(child), "out\n");
    await child.exited;
    assert.equal(size, 3_000_000);
  });

  test(`${name} › onStderr throws › the error is ignored, the next chunks are passed on`, async () => {
    let size = 0;
    await using child = await spawn(["/bin/sh", "-c", "head -c 300000 /dev/zero >&2; echo out"], {
      onStderr(chunk) {
        size += chunk.length;
        throw new Error("a hook's");
      },
    });
    assert.equal(await textOf(child), "out\n");
    assert.deepEqual(await child.exited, { code: 0, signal: undefined });
    assert.equal(size, 300_000);
  });

  test(`${name} › no onStderr › stderr is discarded`, async () => {
    await using child = await spawn(["/bin/sh", "-c", "head -c 300000 /dev/zero >&2; echo out"]);
    assert.equal(await textOf(child), "out\n");
  });
}

function testEnvironment({ name, spawn }: SpawnSubject): void {
  const variable = "DOVEWIRE_SPAWN_TEST";

  test(`${name} › with and without the option env › the given environment only, or this process's`, async () => {
    // Node and Deno would pass this one on by themselves.
    const { NODE_V8_COVERAGE } = process.env;
    process.env.NODE_V8_COVERAGE ??= "";
    process.env[variable] = "this";
    try {
      await using heir = await spawn(["/usr/bin/env"]);
      assert.ok((await textOf(heir)).split("\n").includes(`${variable}=this`));
      const given: Record<string, string>[] = [{}, { A: "1", B: "" }, { NODE_V8_COVERAGE: "x" }];
      for (const env of given) {
        await using child = await spawn(["/usr/bin/env"], { env });
        const expected = Object.entries(env).map(([key, value]) => `${key}=${value}\n`);
        assert.equal(await textOf(child), expected.join(""));
      }
    } finally {
      delete process.env[variable];
      if (NODE_V8_COVERAGE === undefined) delete process.env.NODE_V8_COVERAGE;
    }
  });
}

function testNotStarting({ name, spawn }: SpawnSubject): void {
  type Case = [
    what: string,
    code: TransportErrorCode,
    telling: string,
    command: string[],
    options?: SpawnOptions,
  ];
  const secret = "a secret";
  const env = { A: undefined } as unknown as Record<string, string>;
  const cases: Case[] = [
    ["a missing program", "not-found", "/nonexistent/program", ["/nonexistent/program"]],
    ["a name that isn't in PATH", "not-found", "in PATH", ["nonexistent-program"]],
    ["a file that isn't executable", "denied", "/etc/passwd", ["/etc/passwd"]],
    ["a folder as the program", "denied", "/etc", ["/etc"]],
    ["a missing working directory", "not-found", "no folder /proc/nonexistent", ["/bin/cat"], {
      cwd: "/proc/nonexistent",
    }],
    ["a file as the working directory", "not-found", "/etc/passwd", ["/bin/cat"], {
      cwd: "/etc/passwd",
    }],
    ["an empty command", "invalid", "no program", []],
    ["an empty program name", "invalid", "no program", [""]],
    ["a NUL in the program's name", "invalid", "NUL in the program's name", ["/bin/\0cat"]],
    ["a NUL in an argument", "invalid", "NUL in argument 2", ["/bin/cat", "-", `${secret}\0`]],
    ["a NUL in the working directory", "invalid", "NUL", ["/bin/cat"], { cwd: "/\0" }],
    ["a variable without a value", "invalid", 'no string for "A"', ["/bin/cat"], { env }],
    ["a NUL in a variable", "invalid", 'NUL in "A"', ["/bin/cat"], {
      env: { A: `${secret}\0` },
    }],
    ["a = in a variable's name", "invalid", '"A=B"', ["/bin/cat"], { env: { "A=B": secret } }],
    ["half a character in the program's name", "invalid", "half a surrogate", ["/bin/cat\ud83d"]],
    ["half a character in an argument", "invalid", "in argument 1", [
      "/bin/cat",
      `${secret}\ud83d`,
    ]],
    ["half a character in the working directory", "invalid", 'in "cwd"', ["/bin/cat"], {
      cwd: "/\ude00",
    }],
    ["half a character in a variable", "invalid", 'in "A" of "env"', ["/bin/cat"], {
      env: { A: `${secret}\ud83d` },
    }],
    ["half a character in a variable's name", "invalid", 'a name of "env"', ["/bin/cat"], {
      env: { "A\ude00": secret },
    }],
    ["variables in a Map", "invalid", '"env" is no object', ["/bin/cat"], {
      env: new Map([["A", secret]]) as unknown as Record<string, string>,
    }],
  ];
  for (const [what, code, telling, command, options] of cases) {
    test(`${name} › ${what} › rejects, names it and leaves no file descriptor`, async () => {
      // Deno leaks one if the process was to have further file descriptors.
      const before = openDescriptors() + ("Deno" in globalThis ? 1 : 0);
      const descriptor3 = encoder.encode(secret);
      const starting = spawn(command, { ...options, descriptor3, onStderr: () => {} });
      const error = await rejectsWith(code, starting, telling);
      assert.ok(error.message.startsWith("Cannot start "), error.message);
      assert.ok(!error.message.includes(secret), error.message);
      await descriptorsDownTo(before);
    });
  }

  test(`${name} › starting fails 20 times › no file descriptor is left`, async () => {
    const before = openDescriptors();
    for (let i = 0; i < 20; i++) {
      await rejectsWith("not-found", spawn(["/proc/nonexistent"], { onStderr: () => {} }));
    }
    await descriptorsDownTo(before);
  });
}

function testSignal({ name, spawn }: SpawnSubject): void {
  test(`${name} › a signal has aborted before › rejects without starting`, async () => {
    const signal = AbortSignal.abort(new Error("no time"));
    const error = await rejectsWith("aborted", spawn(["/bin/cat"], { signal }), "/bin/cat");
    assert.equal(error.cause, signal.reason);
  });

  test(`${name} › a signal aborts › SIGKILL ends the process`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await using child = await spawn(["/bin/sh", "-c", "trap '' TERM; exec cat"], { signal });
    controller.abort();
    await assertEnd(child.transport);
    assert.deepEqual(await child.exited, { code: undefined, signal: "SIGKILL" });
  });

  test(`${name} › a signal aborts after the process has ended › changes nothing`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await using child = await spawn(["/bin/true"], { signal });
    assert.deepEqual(await child.exited, { code: 0, signal: undefined });
    controller.abort();
  });
}

function testLeavingNothing({ name, spawn }: SpawnSubject): void {
  test(`${name} › 200 processes › leave no process, no file descriptor and no timer`, async () => {
    const before = openDescriptors();
    const pids: number[] = [];
    const run = async (descriptor3: Uint8Array | undefined) => {
      await using child = await spawn(["/bin/true"], { descriptor3, onStderr: () => {} });
      pids.push(child.pid);
      assert.deepEqual(await child.exited, { code: 0, signal: undefined });
    };
    await leavingNothing(async () => {
      for (let i = 0; i < 180; i++) await run(i % 2 ? Uint8Array.of(1) : undefined);
      await Promise.all(Array.from({ length: 20 }, () => run(undefined)));
    });
    await descriptorsDownTo(before);
    assert.deepEqual(pids.filter(isOurs), []);
  });

  test(`${name} › processes are closed at once › leave no process, no file descriptor and no timer`, async () => {
    const before = openDescriptors();
    const pids: number[] = [];
    await leavingNothing(async () => {
      const run = async () => {
        await using child = await spawn(["/bin/cat"], { descriptor3: pattern(3 * mebibyte) });
        pids.push(child.pid);
        const writing = child.transport.write(pattern(mebibyte)).catch(() => {});
        await child.transport.close();
        await writing;
      };
      await Promise.all(Array.from({ length: 20 }, run));
    });
    await descriptorsDownTo(before);
    assert.deepEqual(pids.filter(isOurs), []);
  });
}

/** All that a process writes to its stdout. */
async function textOf({ transport }: { readonly transport: Transport }): Promise<string> {
  let text = "";
  for (let chunk; (chunk = await transport.read()) !== undefined;) text += decoder.decode(chunk);
  return text;
}

/** Whether a process is a child of this one, a zombie among them. */
function isOurs(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "latin1");
    return status.slice(status.lastIndexOf(")")).split(" ")[2] === String(process.pid);
  } catch {
    return false;
  }
}

/** How many bytes a process has written, if the system shows it. */
function writtenBy(pid: number): number {
  const file = `/proc/${pid}/io`;
  return existsSync(file) ? Number(/^wchar: (\d+)$/m.exec(readFileSync(file, "utf8"))?.[1]) : 0;
}

/** How many file descriptors this process has open, if the system shows them. */
function openDescriptors(): number {
  return existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0;
}

/** Resolves when no more file descriptors than that are open: a runtime closes some a few turns later. */
async function descriptorsDownTo(count: number): Promise<void> {
  for (let turn = 0; openDescriptors() > count; turn++) {
    assert.ok(turn < 3000, `${openDescriptors() - count} file descriptors were left open`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
