import assert from "node:assert/strict";
import { lstat, readdir, unlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { connect } from "../../transports/node.ts";
import { bindSocketFile, type SocketBinder } from "../../transports/socket_file.ts";
import { connectError } from "../../transports/transport.ts";
import { listenNowhere, temporaryFolder } from "../harness/sockets.ts";
import { rejectsWith } from "./conformance.ts";

/** Servers of node:net's. */
const binder: SocketBinder<Server> = {
  bind: (path) =>
    new Promise((resolve, reject) => {
      // Not to keep the tests from ending where one fails.
      const server = createServer((socket) => socket.destroy()).unref();
      server.on("error", reject);
      server.listen(path, () => resolve(server));
    }),
  unbind: (server) => void server.close(),
  connect,
};

test("socket file › binding › happens in a private folder, and the file appears with its mode", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "socket");
  let boundAt = "";
  const { bound, file } = await bindSocketFile({ transport: "unix", path }, 0o640, {
    ...binder,
    async bind(path) {
      boundAt = path;
      assert.equal((await lstat(dirname(path))).mode & 0o777, 0o700);
      return await binder.bind(path);
    },
  });
  assert.equal(dirname(dirname(boundAt)), folder.path);
  assert.equal((await lstat(path)).mode & 0o777, 0o640);
  assert.deepEqual(await readdir(folder.path), ["socket"]);
  file.remove();
  assert.deepEqual(await readdir(folder.path), []);
  file.remove();
  bound.close();
});

test("socket file › binding or moving fails › it is undone, and rejects with the error", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "socket");
  const address = { transport: "unix", path } as const;
  const failure = new Error("no");
  await assert.rejects(
    bindSocketFile(address, 0o600, { ...binder, bind: () => Promise.reject(failure) }),
    (error) => error === failure,
  );
  assert.deepEqual(await readdir(folder.path), []);
  await writeFile(path, "");
  let unbound = 0;
  const counting: SocketBinder<Server> = {
    ...binder,
    unbind(server) {
      unbound++;
      server.close();
    },
  };
  await rejectsWith("in-use", bindSocketFile(address, 0o600, counting));
  assert.equal(unbound, 1);
  assert.deepEqual(await readdir(folder.path), ["socket"]);
});

test("socket file › an existing socket that can't be connected to › is left", async () => {
  await using nowhere = await listenNowhere("unix");
  assert.ok(nowhere.address.transport === "unix");
  const { message, cause } = await rejectsWith(
    "in-use",
    bindSocketFile(nowhere.address, 0o600, {
      ...binder,
      connect: (address) => Promise.reject(connectError("denied", address, "no")),
    }),
    nowhere.address.path,
  );
  assert.ok(message.includes("can't be connected to"), message);
  assert.ok(cause instanceof Error);
  assert.ok((await lstat(nowhere.address.path)).isSocket());
});

test("socket file › another server tries to replace the file at the same time › rejects", async () => {
  await using nowhere = await listenNowhere("unix");
  assert.ok(nowhere.address.transport === "unix");
  const { address } = nowhere;
  const { path } = address;
  const overtaking: Promise<unknown>[] = [];
  const { bound, file } = await bindSocketFile(address, 0o600, {
    ...binder,
    async connect(target, options) {
      try {
        return await connect(target, options);
      } finally {
        overtaking.push(
          rejectsWith("in-use", bindSocketFile(address, 0o600, binder), path),
        );
        await Promise.allSettled(overtaking);
      }
    },
  });
  assert.equal(overtaking.length, 1);
  await Promise.all(overtaking);
  await (await connect(address)).close();
  assert.deepEqual(await readdir(dirname(path)), [basename(path)]);
  file.remove();
  bound.close();
});

test("socket file › the old file disappears meanwhile › binding succeeds", async () => {
  await using nowhere = await listenNowhere("unix");
  assert.ok(nowhere.address.transport === "unix");
  const { path } = nowhere.address;
  let looks = 0;
  const { bound, file } = await bindSocketFile(nowhere.address, 0o600, {
    ...binder,
    async connect(address, options) {
      looks++;
      await unlink(path);
      return await connect(address, options);
    },
  });
  assert.equal(looks, 1);
  assert.ok((await lstat(path)).isSocket());
  file.remove();
  bound.close();
});

test("socket file › the old file appears and disappears repeatedly › rejects after ten tries", async () => {
  await using nowhere = await listenNowhere("unix");
  assert.ok(nowhere.address.transport === "unix");
  const { path } = nowhere.address;
  let looks = 0;
  const comesAndGoes: SocketBinder<Server> = {
    ...binder,
    connect() {
      looks++;
      return Promise.reject(connectError("not-found", nowhere.address, "gone again"));
    },
  };
  await rejectsWith("in-use", bindSocketFile(nowhere.address, 0o600, comesAndGoes), path);
  assert.equal(looks, 10);
  assert.deepEqual(await readdir(dirname(path)), [basename(path)]);
});
