import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { certificates } from "../certificates.ts";
import { type DovecotVersion, startDovecot } from "./dovecot.ts";
import { logged } from "./log.ts";

const VERSIONS: readonly DovecotVersion[] = ["2.3", "2.4"];

/** How long a server may take to answer, in milliseconds. */
const PATIENCE = 60_000;

/** Sends commands, and resolves to all that the server says until it closes. */
async function converse(socket: Socket, commands: string): Promise<string> {
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error("the server says nothing")));
  let said = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => said += chunk);
  socket.write(commands);
  await once(socket, "end");
  socket.destroy();
  return said;
}

/** Resolves to the next bytes that arrive. */
async function hear(socket: Socket): Promise<string> {
  const [chunk] = await once(socket, "data");
  return String(chunk);
}

const SESSION = "a LOGIN alice s3cret\r\nb SELECT INBOX\r\nc LOGOUT\r\n";

for (const version of VERSIONS) {
  test(`Dovecot ${version} › IMAP over TCP, TLS and STARTTLS › serves a user's mail`, async () => {
    const { ca, good } = await certificates();
    await using dovecot = await startDovecot({ version, imap: true, tls: good });
    const host = "127.0.0.1";
    const servername = "localhost";
    const plain = connect({ host, port: dovecot.imapPort! });
    const tls = connectTls({ host, port: dovecot.imapTlsPort!, ca, servername });
    const upgraded = connect({ host, port: dovecot.imapPort! });
    assert.match(await hear(upgraded), /STARTTLS AUTH=PLAIN AUTH=LOGIN\]/);
    upgraded.write("s STARTTLS\r\n");
    assert.match(await hear(upgraded), /^s OK /);
    for (const socket of [plain, tls, connectTls({ socket: upgraded, ca, servername })]) {
      const said = await converse(socket, SESSION);
      assert.match(said, /^a OK /m);
      assert.match(said, /^\* 3 EXISTS\r$/m);
      assert.match(said, /^\* BYE /m);
    }
    await logged(dovecot, /imap-login: .*user=<alice>/, 3);
    assert.doesNotMatch(await dovecot.log(), /Warning|Error|Fatal|Panic/);
  });

  test(`Dovecot ${version} › IMAP from a trusted address › is logged as who it speaks for`, async () => {
    await using dovecot = await startDovecot({ version, imap: true, trusted: "127.0.0.2" });
    const id = 'i ID ("x-originating-ip" "192.0.2.7" "x-originating-port" "7")\r\n';
    for (const localAddress of ["127.0.0.2", "127.0.0.3"]) {
      const port = dovecot.imapPort!;
      const socket = connect({ host: "127.0.0.1", port, localAddress });
      const said = await converse(socket, `${id}x LOGOUT\r\n`);
      const isTold = version === "2.4" && localAddress === "127.0.0.2";
      assert.match(said, isTold ? /^i OK Trusted ID completed\./m : /^i OK ID completed/m);
    }
    await logged(dovecot, /rip=192\.0\.2\.7/);
    await logged(dovecot, /rip=127\.0\.0\.3/);
    assert.equal(dovecot.imapTlsPort, undefined);
  });
}

test("Dovecot › no IMAP asked for › has no port of it", async () => {
  await using dovecot = await startDovecot();
  assert.equal(dovecot.imapPort, undefined);
  assert.equal(dovecot.imapTlsPort, undefined);
  const processes = await dovecot.processes();
  assert.deepEqual(processes.filter(({ command }) => command.includes("imap")), []);
});
