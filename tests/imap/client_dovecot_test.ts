/**
 * The IMAP client at real servers of both versions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthenticationError, ConnectError } from "../../core/mod.ts";
import { astringOf, atom } from "../../core/imap/mod.ts";
import { ImapClient } from "../../imap/client.ts";
import { ImapCommandError } from "../../imap/client_errors.ts";
import { connect } from "../../mod.ts";
import type { ImapConnectOptions, LongResponse } from "../../imap/client_options.ts";
import { certificates } from "../harness/certificates.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../harness/dovecot/dovecot.ts";
import { logged } from "../harness/dovecot/log.ts";
import { leavingNothing } from "../harness/leftovers.ts";

const VERSIONS: readonly DovecotVersion[] = ["2.3", "2.4"];

const alice = { username: "alice", password: "s3cret" };

function targetOf({ imapPort }: Dovecot) {
  return { hostname: "127.0.0.1", port: imapPort! };
}

/** The names of the untagged responses, and of the kinds of others. */
function nameOf(response: LongResponse): string {
  return "name" in response ? response.name : response.type;
}

for (const version of VERSIONS) {
  const name = `ImapClient › Dovecot ${version} ›`;

  test(`${name} LOGIN and AUTHENTICATE PLAIN › log in, and tell the capabilities`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    await leavingNothing(async () => {
      const passwords = [
        { ...alice, mechanism: "LOGIN" },
        { ...alice, mechanism: "PLAIN" },
        alice,
      ] as const;
      for (const credentials of passwords) {
        await using client = await ImapClient.connect(targetOf(dovecot), credentials);
        assert(client.hasCapability("IDLE"));
        assert(client.hasCapability("UIDPLUS"));
        assert(!client.hasCapability("STARTTLS"));
        const { responses } = await client.command("LIST", ["", atom("*")]);
        assert(responses.some(({ name }) => name === "LIST"));
        await client.logout();
      }
    });
    await logged(dovecot, /imap-login: .*user=<alice>, method=PLAIN/, 3);
  });

  test(`${name} a wrong password › rejects with what the server said, without the password`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    const wrong = ImapClient.connect(targetOf(dovecot), { ...alice, password: "wr0ng-one" });
    await assert.rejects(wrong, (error: Error) => {
      assert(error instanceof AuthenticationError);
      assert.match(error.message, /"NO \[AUTHENTICATIONFAILED\] Authentication failed\."/);
      assert.doesNotMatch(error.message, /wr0ng/);
      return true;
    });
  });

  test(`${name} ID › tells the server's name`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    for (const credentials of [{}, alice]) {
      await using client = await ImapClient.connect(targetOf(dovecot), credentials);
      const fields = await client.id({ name: "dovewire" });
      assert.equal(fields?.get("name"), "Dovecot");
    }
  });

  test(`${name} IDLE › yields a delivery, ends with DONE, and the next command runs`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    await using client = await ImapClient.connect(targetOf(dovecot), alice);
    const { responses } = await client.command("SELECT", ["INBOX"]);
    const exists = responses.find((response) => response.name === "EXISTS");
    const before = exists?.type === "untagged" ? exists.number! : NaN;
    await using doveadm = connect({ path: dovecot.socket });
    const seen: string[] = [];
    for await (const response of client.idle()) {
      seen.push(nameOf(response));
      if (response.type === "continuation") {
        await doveadm.run("save", { user: "alice", file: "Subject: news\n\nhello\n" });
      }
      if (response.type === "untagged" && response.name === "EXISTS") {
        assert.equal(response.number, before + 1);
        break;
      }
    }
    assert.deepEqual([seen[0], seen.at(-1)], ["continuation", "EXISTS"]);
    const number = atom(String(before + 1));
    const fetched = await client.command("FETCH", [number, [atom("BODY.PEEK[TEXT]")]]);
    const mail = fetched.responses.find((response) => response.name === "FETCH");
    assert(mail?.type === "untagged" && mail.values[0].type === "list");
    assert.match(astringOf(mail.values[0].values.at(-1))!, /^hello\r?\n$/);
  });

  test(`${name} IDLE's signal › ends it with the server's answer`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    await using client = await ImapClient.connect(targetOf(dovecot), alice);
    const controller = new AbortController();
    const responses = client.idle({ signal: controller.signal });
    const first = await responses.next();
    assert(!first.done);
    assert.equal(first.value.type, "continuation");
    controller.abort();
    const end = await responses.next();
    assert(end.done);
    assert.match(end.value!.text, /^Idle completed/);
  });

  test(`${name} TLS and STARTTLS › encrypt, with the certificate checked`, async () => {
    const { ca, good } = await certificates();
    await using dovecot = await startDovecot({ version, imap: true, tls: good });
    const tls = { caCerts: [ca], serverName: "localhost" };
    const inTls = { hostname: "127.0.0.1", port: dovecot.imapTlsPort!, tls: true };
    await leavingNothing(async () => {
      const options: ImapConnectOptions = { ...alice, tls };
      for (const mechanism of ["LOGIN", "PLAIN"] as const) {
        await using first = await ImapClient.connect(inTls, { ...options, mechanism });
        const starttls = { ...options, mechanism, starttls: "required" } as const;
        await using second = await ImapClient.connect(targetOf(dovecot), starttls);
        for (const client of [first, second]) {
          const { responses } = await client.command("STATUS", ["INBOX", [atom("MESSAGES")]]);
          assert.deepEqual(responses.map(({ name }) => name), ["STATUS"]);
        }
      }
      // The runtime doesn't know the tests' CA.
      const starttls = { ...alice, starttls: "required" } as const;
      await assert.rejects(ImapClient.connect(inTls, alice), ConnectError);
      await assert.rejects(ImapClient.connect(targetOf(dovecot), starttls), ConnectError);
    });
    await logged(dovecot, /imap-login: .*user=<alice>.*TLS/, 4);
  });

  test(`${name} STARTTLS that the server hasn't › rejects before the password is sent`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    const options = { ...alice, starttls: "required" } as const;
    await assert.rejects(ImapClient.connect(targetOf(dovecot), options), ConnectError);
    assert.doesNotMatch(await dovecot.log(), /user=<alice>/);
  });

  test(`${name} commands that fail or aren't known › reject, and the next one runs`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    await using client = await ImapClient.connect(targetOf(dovecot), alice);
    await assert.rejects(client.command("SELECT", ["nowhere"]), (error: Error) => {
      assert(error instanceof ImapCommandError);
      assert.equal(error.status, "NO");
      return true;
    });
    await assert.rejects(async () => {
      for await (const _ of client.longCommand("XKEYSYNC", ["ab".repeat(32)]));
    }, (error: Error) => {
      assert(error instanceof ImapCommandError);
      assert.equal(error.status, "BAD");
      assert.match(error.text, /Unknown command/);
      return true;
    });
    await client.command("NOOP");
  });

  test(`${name} literals and names that need them › arrive as they are`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    await using client = await ImapClient.connect(targetOf(dovecot), alice);
    const mail = "Subject: a\r\n\r\nb {3+}\r\n";
    for (const mailbox of ['a "b" \\c', "K&AOQ-se"]) {
      await client.command("CREATE", [mailbox]);
      await client.command("APPEND", [mailbox, [atom("\\Seen")], new TextEncoder().encode(mail)]);
      const { responses } = await client.command("STATUS", [mailbox, [atom("MESSAGES")]]);
      const [status] = responses;
      assert(status.type === "untagged" && status.values[1].type === "list");
      assert.equal(astringOf(status.values[0]), mailbox);
      assert.equal(astringOf(status.values[1].values[1]), "1");
    }
  });
}
