/**
 * What every listener at UNIX sockets does with their files, as tests to be registered for each of
 * them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Address, ListenOptions } from "../../transports/transport.ts";
import { listen as listenWithNode, listenNowhere, temporaryFolder } from "../harness/sockets.ts";
import { assertReads, rejectsWith, turn } from "./conformance.ts";
import {
  acceptUntil,
  connectSocket,
  next,
  type SocketListenerSubject,
  temporaryPlace,
} from "./listening.ts";

/** Registers the tests of what a listener at UNIX sockets does with their files. */
export function testSocketFiles(subject: SocketListenerSubject): void {
  testMode(subject);
  testFilesInTheWay(subject);
  testRemoving(subject);
}

function testMode({ name, listen, connect }: SocketListenerSubject): void {
  const modes: [ListenOptions | undefined, number][] = [
    [undefined, 0o600],
    [{}, 0o600],
    [{ mode: 0o666 }, 0o666],
    [{ mode: 0o620 }, 0o620],
  ];
  for (const umask of [0o000, 0o077]) {
    test(`${name} › mode options with umask 0${umask.toString(8)} › the file has the requested mode`, async () => {
      await using place = await temporaryPlace("unix");
      const before = process.umask(umask);
      try {
        for (const [options, mode] of modes) {
          await using listener = await listen(place.address, options);
          assert.equal((await lstat(place.path)).mode & 0o7777, mode);
          assert.deepEqual(listener.address, place.address);
        }
      } finally {
        process.umask(before);
      }
    });
  }

  test(`${name} › a path › its folder has only the socket, and peers are named by it`, async () => {
    await using place = await temporaryPlace("unix");
    await using listener = await listen(place.address);
    assert.deepEqual(await readdir(dirname(place.path)), [basename(place.path)]);
    await using client = await connect(place.address);
    await using accepted = await next(listener);
    assert.equal(client.peer, `unix ${place.path}`);
    assert.equal(accepted.peer, `unix ${place.path}`);
  });

  test(`${name} › a path of the greatest length, and longer ones › only the longer ones reject`, async () => {
    await using folder = await temporaryFolder();
    const pathOf = (length: number) =>
      join(folder.path, "é".repeat(20), "x".repeat(length - folder.path.length - 42));
    await mkdir(dirname(pathOf(100)));
    await using listener = await listen({ transport: "unix", path: pathOf(103) });
    await using _client = await connect(listener.address);
    await using _accepted = await next(listener);
    for (const path of [pathOf(104), pathOf(120), join(folder.path, "x".repeat(80), "y")]) {
      await rejectsWith("other", listen({ transport: "unix", path }), "too long");
    }
    assert.deepEqual(await readdir(dirname(pathOf(103))), [basename(pathOf(103))]);
  });
}

function testFilesInTheWay({ name, listen, connect }: SocketListenerSubject): void {
  test(`${name} › a socket file without a server › is replaced`, async () => {
    await using nowhere = await listenNowhere("unix");
    await using listener = await listen(nowhere.address);
    await using _client = await connect(nowhere.address);
    await using _accepted = await next(listener);
    const path = pathOf(nowhere.address);
    assert.deepEqual(await readdir(dirname(path)), [basename(path)]);
    assert.equal((await lstat(path)).mode & 0o7777, 0o600);
  });

  test(`${name} › many servers replace a file at once › one listens, the others reject`, async () => {
    await using nowhere = await listenNowhere("unix");
    const path = pathOf(nowhere.address);
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => listen(nowhere.address)));
    const listeners = all.filter((it) => it.status === "fulfilled").map(({ value }) => value);
    assert.equal(listeners.length, 1);
    for (const it of all) {
      if (it.status === "rejected") await rejectsWith("in-use", Promise.reject(it.reason), path);
    }
    await using listener = listeners[0];
    assert.deepEqual(await readdir(dirname(path)), [basename(path)]);
    const socket = await connectSocket(nowhere.address);
    socket.write(Uint8Array.of(1));
    // The others may have looked whether it is there.
    await acceptUntil(listener, 1);
    socket.destroy();
  });

  test(`${name} › a server died while it replaced a file › another one can listen`, async () => {
    await using nowhere = await listenNowhere("unix");
    const path = pathOf(nowhere.address);
    await using died = await listenNowhere("unix");
    await rename(pathOf(died.address), join(dirname(path), `.${basename(path)}.lock`));
    await using _listener = await listen(nowhere.address);
    await using _client = await connect(nowhere.address);
    assert.deepEqual(await readdir(dirname(path)), [basename(path)]);
  });

  test(`${name} › another program listens at the path › rejects, and that one goes on`, async () => {
    await using server = await listenWithNode("unix", (socket) => socket.end("!"));
    const path = pathOf(server.address);
    const { ino } = await lstat(path);
    await rejectsWith("in-use", listen(server.address), path);
    assert.equal((await lstat(path)).ino, ino);
    await using client = await connect(server.address);
    await assertReads(client, new TextEncoder().encode("!"));
    assert.deepEqual(await readdir(dirname(path)), [basename(path)]);
  });

  const others: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    "a file": (path) => writeFile(path, "precious"),
    "an empty file": (path) => writeFile(path, ""),
    "a folder": (path) => mkdir(path),
    "a link that leads nowhere": (path) => symlink(`${path}-missing`, path),
  };
  for (const [what, make] of Object.entries(others)) {
    test(`${name} › ${what} at the path › rejects and leaves it`, async () => {
      await using place = await temporaryPlace("unix");
      await make(place.path);
      const { ino } = await lstat(place.path);
      const { message } = await rejectsWith("in-use", listen(place.address), place.path);
      assert.ok(message.includes("no socket"), message);
      assert.equal((await lstat(place.path)).ino, ino);
      assert.deepEqual(await readdir(dirname(place.path)), [basename(place.path)]);
    });
  }

  test(`${name} › a missing folder › rejects with "not-found"`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "missing", "socket");
    const { message } = await rejectsWith("not-found", listen({ transport: "unix", path }), path);
    assert.ok(message.includes("folder"), message);
  });

  test(`${name} › a file in place of the folder › rejects with "not-found"`, async () => {
    await using place = await temporaryPlace("unix");
    await writeFile(place.path, "");
    const path = join(place.path, "socket");
    await rejectsWith("not-found", listen({ transport: "unix", path }), path);
  });

  // Where even root can't make a file.
  if (existsSync("/sys/kernel")) {
    test(`${name} › a folder without write permission › rejects with "denied"`, async () => {
      const path = "/sys/kernel/dovewire-test";
      await rejectsWith("denied", listen({ transport: "unix", path }), path);
    });
  }
}

function testRemoving({ name, listen }: SocketListenerSubject): void {
  test(`${name} › close() › the file is removed`, async () => {
    await using place = await temporaryPlace("unix");
    const listener = await listen(place.address);
    await chmod(place.path, 0o666);
    await listener.close();
    assert.deepEqual(await readdir(dirname(place.path)), []);
  });

  test(`${name} › close() after another server has replaced the file › leaves the file`, async () => {
    await using place = await temporaryPlace("unix");
    const listener = await listen(place.address);
    await unlink(place.path);
    await using successor = await listen(place.address);
    await listener.close();
    await listener.close();
    await turn();
    const socket = await connectSocket(place.address);
    await using _accepted = await next(successor);
    socket.destroy();
  });

  test(`${name} › close() after another file has replaced the socket › leaves the file`, async () => {
    await using place = await temporaryPlace("unix");
    const listener = await listen(place.address);
    await unlink(place.path);
    await writeFile(place.path, "precious");
    await listener.close();
    await turn();
    assert.deepEqual(await readdir(dirname(place.path)), [basename(place.path)]);
  });

  test(`${name} › close() after file and folder were deleted › resolves`, async () => {
    await using place = await temporaryPlace("unix");
    const listener = await listen(place.address);
    await place[Symbol.asyncDispose]();
    await listener.close();
  });
}

function pathOf(address: Address): string {
  return address.transport === "unix" ? address.path : assert.fail("It is a TCP port.");
}
