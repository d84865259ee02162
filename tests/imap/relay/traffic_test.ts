/** A relay over sockets: TLS, custom commands, and peers that don't read. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { encodeUtf8, messageOf } from "../../../core/mod.ts";
import { continuation, defineCommand, ok, untagged } from "../../../imap/mod.ts";
import { connect } from "../../../transports/mod.ts";
import { certificates } from "../../harness/certificates.ts";
import { ScriptedEnd } from "../scripted_end.ts";
import { greeted, lineFrom, listed, RelaySetup } from "./relay_setup.ts";
import { until } from "../../harness/until.ts";

const greeting = `* OK [CAPABILITY ${listed}] ready.\r\n`;

test("TLS › from the first byte on both sides › is the relay's", async () => {
  const { ca, good } = await certificates();
  const trust = { caCerts: [ca], serverName: "localhost" };
  await using setup = await RelaySetup.start({
    tls: good,
    isSecure: true,
    upstreamTls: good,
    connect: ({ signal }) => connect(setup.listening, { signal, tls: trust }),
  });
  const client = await setup.client(trust);
  const server = await setup.server();
  await server.say(greeting);
  await client.say("a LOGIN alice secret\r\n");
  await server.hears("~1 LOGIN alice secret\r\n");
  await server.say("~1 OK Logged in\r\n");
  await client.hears(`* OK [CAPABILITY ${greeted}] ready.\r\na OK Logged in\r\n`);
});

test("STARTTLS › on both sides › is the relay's, and each is asked for its own", async () => {
  const { ca, good } = await certificates();
  const trust = { caCerts: [ca], serverName: "localhost" };
  await using setup = await RelaySetup.start({
    startTls: good,
    allowsPlaintext: false,
    upstreamStartTls: trust,
  });
  const plainClient = await connect(setup.relay.address);
  const plainServer = await setup.transport();
  await plainServer.write(encodeUtf8("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready.\r\n"));
  assert.equal(await lineFrom(plainServer), "~1 STARTTLS\r\n");
  await plainServer.write(encodeUtf8("~1 OK Begin.\r\n"));
  const server = new ScriptedEnd(await plainServer.startTls(good));
  await server.hears("~2 CAPABILITY\r\n");
  await server.say(`* CAPABILITY ${listed}\r\n~2 OK Listed.\r\n`);
  assert.match(await lineFrom(plainClient), /^\* OK \[CAPABILITY .* STARTTLS LOGINDISABLED\] /);
  await plainClient.write(encodeUtf8("a STARTTLS\r\n"));
  assert.match(await lineFrom(plainClient), /^a OK /);
  const client = new ScriptedEnd(await plainClient.startTls(trust));
  await client.say("b LOGIN alice secret\r\n");
  await server.hears("~3 LOGIN alice secret\r\n");
  await server.say("~3 OK Logged in\r\n");
  await client.hears("b OK Logged in\r\n");
  await client.close();
  await server.close();
});

test("STARTTLS › something unencrypted after it, from either peer › ends both sides", async () => {
  const { good } = await certificates();
  await using setup = await RelaySetup.start({ startTls: good });
  const client = await setup.client();
  const server = await setup.server();
  await server.say(greeting);
  await client.line();
  await client.say("a STARTTLS\r\nb LOGIN alice secret\r\n");
  assert.match(await client.line(), /^a OK /);
  await client.closesAtTheEnd();
  // The login went nowhere.
  assert.equal(await server.closesAtTheEnd(), "");
  await until(() => setup.errors.length > 0);
  assert.match(messageOf(setup.errors[0]), /^Cannot start TLS with tcp 127/);

  await using other = await RelaySetup.start({ upstreamStartTls: {} });
  const otherClient = await other.client();
  const otherServer = await other.server();
  await otherServer.say("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready.\r\n");
  await otherServer.hears("~1 STARTTLS\r\n");
  await otherServer.say("~1 OK Begin.\r\n* CAPABILITY IMAP4rev1\r\n");
  assert.match(await otherClient.line(), /^\* BYE \[UNAVAILABLE\] /);
  await otherClient.closesAtTheEnd();
  await otherServer.closesAtTheEnd();
});

test("STARTTLS › with a server whose certificate isn't trusted › ends the connection", async () => {
  const { good } = await certificates();
  await using setup = await RelaySetup.start({ upstreamStartTls: { serverName: "localhost" } });
  const client = await setup.client();
  const server = await setup.transport();
  await server.write(encodeUtf8("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready.\r\n"));
  assert.equal(await lineFrom(server), "~1 STARTTLS\r\n");
  await server.write(encodeUtf8("~1 OK Begin.\r\n"));
  // Whether and how this end learns of it differs between the runtimes.
  server.startTls(good).catch(() => {});
  assert.match(await client.line(), /^\* BYE \[UNAVAILABLE\] /);
  await client.closesAtTheEnd();
  await until(() => setup.errors.length > 0);
  assert.match(String(setup.errors[0]), /certificate/);
  await server.close();
});

test("a custom command › like IDLE › runs while the server idles, and ends with DONE", async () => {
  let ended = 0;
  const xwait = defineCommand(
    { name: "XWAIT", isLongRunning: true, capability: "XWAIT" },
    async function* (_args, { user }, { done }) {
      try {
        yield untagged(`XWAIT "${user}" `, encodeUtf8("a\r\nb"));
        yield continuation("waiting");
        await done;
        yield untagged("XWAIT LAST");
        return ok("Waited.");
      } finally {
        ended++;
      }
    },
  );
  await using setup = await RelaySetup.start({ commands: [xwait] });
  const { client, server } = await setup.session();
  await client.say("a XWAIT\r\n");
  await client.hears('* XWAIT "alice" {4}\r\na\r\nb\r\n+ waiting\r\n');
  await server.hears("~2 IDLE\r\n");
  await server.say("+ idling\r\n* 3 EXISTS\r\n");
  await client.hears("* 3 EXISTS\r\n");
  await client.say("DONE\r\nb NOOP\r\n");
  await client.hears("* XWAIT LAST\r\na OK Waited.\r\n");
  await server.hears("DONE\r\n");
  await server.say("~2 OK Done.\r\n");
  await server.hears("b NOOP\r\n");
  await server.say("* CAPABILITY IMAP4rev1 IDLE\r\nb OK Done.\r\n");
  await client.hears("* CAPABILITY IMAP4rev1 IDLE XWAIT\r\nb OK Done.\r\n");
  // A client that leaves ends it as well.
  await client.say("c XWAIT\r\n");
  await client.hears('* XWAIT "alice" {4}\r\na\r\nb\r\n+ waiting\r\n');
  await client.close();
  await until(() => ended === 2);
  await server.closesAtTheEnd();
});

test("a client that doesn't read › much from the server › holds the server back", async () => {
  await using setup = await RelaySetup.start();
  const socket = await setup.socket();
  const server = await setup.transport();
  await server.write(encodeUtf8(greeting));
  socket.write("a LOGIN alice secret\r\n");
  assert.equal(await lineFrom(server), "~1 LOGIN alice secret\r\n");
  await server.write(encodeUtf8("~1 OK Logged in\r\n"));
  socket.write("b FETCH 1 BODY[]\r\n");
  assert.equal(await lineFrom(server), "b FETCH 1 BODY[]\r\n");
  socket.pause();
  const size = 64 * 1024 * 1024;
  await server.write(encodeUtf8(`* 1 FETCH (BODY[] {${size}}\r\n`));
  let sent = 0;
  const sending = (async () => {
    const chunk = new Uint8Array(65_536).fill(0x78);
    while (sent < size) {
      await server.write(chunk);
      sent += chunk.length;
    }
    await server.write(encodeUtf8(")\r\nb OK Done.\r\n"));
  })();
  // The systems' buffers are full, and the relay's: nothing moves any more.
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert(sent < size / 2, `${sent} bytes were taken`);
  let read = 0;
  let last = "";
  socket.on("data", (chunk: Uint8Array) => {
    read += chunk.length;
    last = (last + String(chunk.subarray(-20))).slice(-20);
  });
  socket.resume();
  await until(() => last.endsWith("b OK Done.\r\n"));
  await sending;
  assert(read > size);
  await server.close();
});

test("a server that doesn't read › a large APPEND › holds the client back", async () => {
  await using setup = await RelaySetup.start();
  const socket = await setup.socket();
  socket.resume();
  const server = await setup.transport();
  await server.write(encodeUtf8(greeting));
  socket.write("a LOGIN alice secret\r\n");
  assert.equal(await lineFrom(server), "~1 LOGIN alice secret\r\n");
  await server.write(encodeUtf8("~1 OK Logged in\r\n"));
  const size = 64 * 1024 * 1024;
  socket.write(`b APPEND INBOX {${size}+}\r\n`);
  assert.equal(await lineFrom(server), `b APPEND INBOX {${size}}\r\n`);
  await server.write(encodeUtf8("+ OK\r\n"));
  let sent = 0;
  const sending = (async () => {
    const chunk = new Uint8Array(65_536).fill(0x78);
    while (sent < size) {
      if (!socket.write(chunk)) await once(socket, "drain");
      sent += chunk.length;
    }
    socket.write("\r\n");
  })();
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert(sent < size / 2, `${sent} bytes were taken`);
  for (let read = 0; read < size + 2;) read += (await server.read())!.length;
  await sending;
  await server.close();
});

test("a client that reads nothing › after stallTimeout › is ended", async () => {
  await using setup = await RelaySetup.start({ stallTimeout: 100 });
  const socket = await setup.socket();
  const server = await setup.transport();
  await server.write(encodeUtf8(greeting));
  socket.write("a LOGIN alice secret\r\n");
  assert.equal(await lineFrom(server), "~1 LOGIN alice secret\r\n");
  socket.pause();
  await server.write(encodeUtf8("~1 OK Logged in\r\n* 1 FETCH (BODY[] {99999999}\r\n"));
  const chunk = new Uint8Array(1_000_000);
  // The relay ends the server's side as well.
  await assert.rejects(async () => {
    for (;;) await server.write(chunk);
  });
  await until(() => setup.errors.length > 0);
  assert.match(String(setup.errors[0]), /TimeoutError: .* read nothing for 100 ms/);
  await server.close();
});
