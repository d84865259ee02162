/**
 * An embedded server with some mail, and a client of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Doveadm } from "../../doveadm/client/doveadm.ts";
import { connect } from "../../mod.ts";
import { encodeUtf8 } from "../../core/mod.ts";
import { serve } from "../../doveadm/server/serve.ts";
import { mailHandler } from "../../testing/mail_handler.ts";
import { MailSystem } from "../../testing/mail_system.ts";
import type { Mailbox } from "../../testing/mailbox.ts";
import type { MailUser } from "../../testing/mail_user.ts";

export const lunch = encodeUtf8(
  "From: Bob <bob@example.org>\nSubject: =?utf-8?q?Caf=C3=A9?=\n" +
    "Date: Mon, 05 Jan 2026 11:30:00 +0100\n\nAt noon?\n",
);
/** A message that isn't UTF-8, without a date. */
export const bytes = new Uint8Array([...encodeUtf8("Subject: 8 bit\n\n"), 0xff, 0xc3, 0x0a]);
export const received = new Date("2026-01-05T10:31:00Z");
export const saved = new Date("2026-01-05T10:32:00Z");

/** A client of an embedded server, and the server's mail. */
export interface Scene extends AsyncDisposable {
  readonly doveadm: Doveadm;
  readonly system: MailSystem;
  readonly alice: MailUser;
  readonly inbox: Mailbox;
  /** The names of the commands that reached the server. */
  readonly reached: string[];
}

export async function start(): Promise<Scene> {
  const flags = ["\\Answered", "\\Seen", "$Label1"];
  const system = new MailSystem({
    users: {
      alice: {
        mailboxes: {
          INBOX: {
            firstRecentUid: 8,
            highestModseq: 2 ** 53 - 1,
            mails: [
              { bytes: lunch, uid: 3, modseq: 2 ** 53 - 1, flags, received, saved },
              { bytes, uid: 7, received, saved },
            ],
          },
          Archive: [],
          "Lists/a": [],
        },
        quota: { bytes: 10_240, messages: 4 },
        fields: { home: "/mail/alice", uid: "1000" },
      },
      bob: { mailboxes: { INBOX: [lunch.slice()] } },
    },
  });
  system.sessions.push(
    { username: "alice", service: "imap", pid: 11, ip: "192.0.2.1" },
    { username: "alice", service: "imap", pid: 12, ip: "2001:db8::1" },
    { username: "bob", service: "lmtp", pid: 13 },
  );
  const reached: string[] = [];
  const handler = mailHandler(system);
  const password = "secret";
  // Clients recognise the version of Dovecot by its protocol version.
  const options = { hostname: "127.0.0.1", port: 0, password, maxMinor: 2 };
  const server = await serve(options, (request) => {
    reached.push(request.name);
    return handler(request);
  });
  const { address } = server;
  assert(address.transport === "tcp");
  const doveadm = connect({ hostname: "127.0.0.1", port: address.port }, { password });
  const alice = system.users.get("alice")!;
  return {
    ...{ doveadm, system, alice, inbox: alice.open("INBOX"), reached },
    async [Symbol.asyncDispose]() {
      await doveadm.close();
      await server.close();
    },
  };
}
