import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../../mod.ts";
import { formatOf } from "../../../extractor/maildir/compression/formats.ts";
import type { Format } from "../../../extractor/maildir/compression/unpacker.ts";
import { loadUnpackers, Maildir } from "../../../extractor/maildir/maildir.ts";
import { type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { asOrdinaryUser } from "./temporary_maildir.ts";

/** The formats that Dovecot writes; each has a user of that name. */
const formats: readonly Format[] = ["gz", "bz2", "zstd", "lz4"];

/** Settings that compress each user's mail in the format of the user's name. */
const settings: Readonly<Record<DovecotVersion, string>> = {
  "2.3": "mail_plugins = quota zlib\nplugin {\n  zlib_save = %n\n}\n",
  "2.4": "mail_plugins = quota mail_compress\nmail_compress_write_method = %{user}\n",
};

/** A mail of many chunks and blocks, and one that grows when it is compressed. */
const mails = [
  `From: a@example.org\nSubject: Gepackt\n\n${"Grüße, 1 + 1.\n".repeat(20_000)}`,
  "Subject: short\n\nx\n",
];

const fields = ["uid", "flags", "size.physical", "hdr.subject"] as const;

for (const version of ["2.3", "2.4"] as const) {
  test(`maildirs › mails compressed by Dovecot ${version} › are read as Dovecot reads them`, async () => {
    await loadUnpackers();
    await using dovecot = await startDovecot({
      ...{ version, users: formats, extraConfig: settings[version] },
      mail: Object.fromEntries(formats.map((user) => [user, { INBOX: [], Sent: [] }])),
    });
    await using doveadm = connect(`doveadm+unix://${dovecot.socket}`);
    for (const user of formats) {
      for (const file of mails) await doveadm.run("save", { user, mailbox: "INBOX", file });
      const path = join(dovecot.folder, "mail", user, "Maildir");
      const files = ["cur", "new"].flatMap((place) => {
        return readdirSync(join(path, place)).map((name) => join(path, place, name));
      });
      assert.deepEqual(files.map((file) => formatOf(readFileSync(file))), [user, user]);
      // As programs do that move mails automatically.
      asOrdinaryUser(path, () => {
        writeFileSync(join(path, "new/1.M1P1.host:2,FS"), "Subject: seen\n\n");
        writeFileSync(join(path, "new/2.M1P1.host:2,"), "Subject: new\n\n");
      });
      const read = async (mailbox: string) => {
        const rows = await doveadm.run("fetch", {
          user,
          field: fields,
          query: ["mailbox", mailbox],
        });
        return rows.map((row) => ({
          size: Number(row["size.physical"]),
          subject: row["hdr.subject"],
          seen: String(row.flags).includes("\\Seen"),
        })).sort((one, other) => one.size - other.size);
      };
      const maildir = Maildir.open(path);
      const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      const ours = (folder: string) =>
        maildir.list({ folder, start: 0, end: 9, sortBy: "size" }).map((mail) => ({
          size: mail.size,
          subject: /^Subject: (.*)$/m.exec(decode(maildir.readHeader(mail)))![1],
          seen: mail.seen,
        }));
      const known = ours("");
      assert.deepEqual(known.map(({ seen }) => seen), [false, true, false, false]);
      const size = known.reduce((sum, mail) => sum + mail.size, 0);
      assert.deepEqual(maildir.count(""), { count: 4, size, unseen: 3 });
      const found = await read("INBOX");
      assert.deepEqual(found, known);
      assert.deepEqual(found.map(({ subject }) => subject), ["new", "seen", "short", "Gepackt"]);
      const large = maildir.list({ folder: "", start: 3, end: 4, sortBy: "size" })[0];
      const plain = decode(maildir.read(large));
      assert.equal(plain.replaceAll("\r\n", "\n"), mails[0]);
      // When either program has moved it, the other one reads it.
      asOrdinaryUser(path, () => maildir.move(maildir.markSeen(large), "Sent"));
      const [moved] = await read("Sent");
      assert.deepEqual(moved, { size: large.size, subject: "Gepackt", seen: true });
      const text = { user, field: ["text"], query: ["mailbox", "Sent"] } as const;
      const [row] = await doveadm.run("fetch", text);
      assert.equal(decode(row.text as Uint8Array), plain);
    }
    assert.doesNotMatch(await dovecot.log(), /Error|Warning|Panic/);
  });
}
