import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectWithBun, listen as listenWithBun } from "../../transports/bun.ts";
import { connect as connectWithDeno, listen as listenWithDeno } from "../../transports/deno.ts";
import { memoryListener } from "../../transports/memory.ts";
import { connect, listen } from "../../transports/mod.ts";
import { connect as connectWithNode, listen as listenWithNode } from "../../transports/node.ts";
import { type Connector, type Listen, peerName } from "../../transports/transport.ts";
import { listen as listenAnywhere, temporaryFolder } from "../harness/sockets.ts";
import { rejectsWith, testTransport } from "./conformance.ts";
import { testListener, testSocketListener } from "./listener_conformance.ts";

/** What works here: the runtime's own adapter first, and node:net's, which each of them has. */
const adapters: [name: string, listen: Listen, connect: Connector][] = [
  ["node.ts", listenWithNode, connectWithNode],
];
if ("Deno" in globalThis) adapters.unshift(["deno.ts", listenWithDeno, connectWithDeno]);
if ("Bun" in globalThis) adapters.unshift(["bun.ts", listenWithBun, connectWithBun]);

for (const [name, listen, connect] of adapters) {
  const subject = { listen, connect, encryption: "clear" } as const;
  testSocketListener({ ...subject, name: `${name} at a port`, kind: "tcp" });
  testSocketListener({ ...subject, name: `${name} at a UNIX socket`, kind: "unix" });
}

for (const encryption of ["TLS", "STARTTLS"] as const) {
  const [[name, listen, connect]] = adapters;
  const at = (what: string) => `${name} at ${what} with ${encryption}`;
  testSocketListener({ name: at("a port"), listen, connect, encryption, kind: "tcp" });
  // Nobody upgrades what no network can see, and Bun can't.
  if (encryption === "STARTTLS") continue;
  testSocketListener({ name: at("a UNIX socket"), listen, connect, encryption, kind: "unix" });
}

testListener({
  name: "memory.ts",
  open() {
    const { listener, connect } = memoryListener();
    return Promise.resolve({ listener, connect, [Symbol.asyncDispose]: () => listener.close() });
  },
});

testTransport({
  name: "memory.ts, accepted",
  async open() {
    const { listener, connect } = memoryListener();
    const peer = await connect(listener.address);
    const transport = await listener.accept() ?? assert.fail("It is closed.");
    return {
      transport,
      peer,
      async [Symbol.asyncDispose](): Promise<void> {
        await transport.close();
        await peer.close();
        await listener.close();
      },
    };
  },
  much: 33_554_432,
  whenPeerCloses: "reset",
  keepsWhatIsWritten: true,
  refusesTls: true,
});

test("memory.ts › connecting to any address › reaches the listener", async () => {
  const { listener, connect } = memoryListener({ cut: () => 1 });
  assert.equal(peerName(listener.address), "unix memory");
  await using client = await connect({ transport: "tcp", hostname: "mail.example.com", port: 1 });
  await using accepted = await listener.accept() ?? assert.fail("It is closed.");
  await client.write(Uint8Array.of(1, 2));
  assert.deepEqual(await accepted.read(), Uint8Array.of(1), "The options are not passed on.");
});

test("memory.ts › a signal aborts while connecting › rejects", async () => {
  const { listener, connect } = memoryListener();
  const controller = new AbortController();
  const { signal } = controller;
  const connecting = connect(listener.address, { signal });
  controller.abort(new Error("no time"));
  const { cause } = await rejectsWith("aborted", connecting, "unix memory");
  assert.equal(cause, signal.reason);
  const accepting = listener.accept();
  await listener.close();
  assert.equal(await accepting, undefined, "Somebody connected all the same.");
});

test("mod.ts › listen() › is the runtime's own adapter's", async () => {
  const [[, listenItself]] = adapters;
  const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
  await using chosen = await listen(address);
  await using own = await listenItself(address);
  assert.equal(chosen.constructor, own.constructor);
  await using client = await connect(chosen.address);
  await using accepted = await chosen.accept() ?? assert.fail("It is closed.");
  assert.equal(accepted.constructor, client.constructor);
});

if ("Deno" in globalThis) {
  const adapter = JSON.stringify(new URL("../../transports/deno.ts", import.meta.url).href);

  test("deno.ts › listening without permissions › the error names those that are enough", async () => {
    await using folder = await temporaryFolder();
    const run = (...flags: string[]) =>
      runWith(
        flags,
        folder.path,
        `import { connect, listen } from ${adapter};
        for (
          const address of [
            { transport: "unix", path: Deno.args[0] + "/socket" },
            { transport: "tcp", hostname: "127.0.0.1", port: 0 },
          ]
        ) {
          try {
            await using listener = await listen(address);
            await using _client = await connect(listener.address);
            await using _accepted = await listener.accept();
            console.log("ok");
          } catch (error) {
            console.log(error.code, error.message);
          }
        }`,
      );
    const fileFlags = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`];
    assert.deepEqual(await run(...fileFlags, "--allow-net"), ["ok", "ok"]);
    const denied = await run();
    assert.match(denied[0], /^denied Cannot listen at unix /);
    for (const flag of [...fileFlags, "--allow-net."]) assert.ok(denied[0].includes(flag), flag);
    assert.match(denied[1], /^denied Cannot listen at tcp .* Add --allow-net=127\.0\.0\.1:0\.$/);
    assert.deepEqual(await run("--allow-net=127.0.0.1"), [denied[0], "ok"]);
  });

  test("deno.ts › connecting without permissions › the error names those that are enough", async () => {
    await using folder = await temporaryFolder();
    await using server = await listenAnywhere("unix", (socket) => socket.destroy());
    assert.ok(server.address.transport === "unix");
    const { path } = server.address;
    const run = (...flags: string[]) =>
      runWith(
        flags,
        folder.path,
        `import { connect } from ${adapter};
        try {
          await using _client = await connect({ transport: "unix", path: ${JSON.stringify(path)} });
          console.log("ok");
        } catch (error) {
          console.log(error.code, error.message);
        }`,
      );
    const flags = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
    assert.deepEqual(await run(...flags), ["ok"]);
    const [denied] = await run();
    assert.match(denied, /^denied Cannot connect to unix /);
    for (const flag of flags) assert.ok(denied.includes(flag), denied);
  });
}

/** Runs a program with a folder for its argument, and gives the lines that it writes. */
async function runWith(flags: string[], folder: string, program: string): Promise<string[]> {
  const file = join(folder, "program.js");
  await writeFile(file, program);
  const args = ["run", "--no-prompt", "--quiet", ...flags, file, folder];
  // Not with node:child_process: where it starts Deno from Deno it hands permissions on.
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}
