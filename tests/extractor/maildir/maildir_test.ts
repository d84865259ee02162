import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { renameMail } from "../../../extractor/maildir/delivery.ts";
import { Directory } from "../../../extractor/maildir/directory.ts";
import { Maildir } from "../../../extractor/maildir/maildir.ts";
import type { MailFile } from "../../../extractor/maildir/maildir.ts";
import { asOrdinaryUser, TemporaryMaildir } from "./temporary_maildir.ts";
import { decode, encode, mids, refused } from "./assertions.ts";

test("maildirs › a folder with mails › is counted and listed", () => {
  using directory = new TemporaryMaildir(".Sent", ".Entw&APw-rfe.2024");
  directory.write("new/3.c.host", "Subject: c\n\nccc\n", 3000);
  directory.write("cur/1.a.host:2,S", "Subject: a\n\n", 1000);
  directory.write("cur/2.b.host:2,F", "Subject: b\n\nb\n", 2000);
  directory.write("new/4.d.host:2,S", "d", 4000);
  const maildir = Maildir.open(directory.path);
  assert.deepEqual(maildir.folders(), ["Entwürfe.2024", "Sent"]);
  assert.deepEqual(maildir.count(""), { count: 4, size: 16 + 12 + 14 + 1, unseen: 2 });
  assert.deepEqual(maildir.count("Sent"), { count: 0, size: 0, unseen: 0 });
  assert.deepEqual(maildir.count("Entwürfe.2024"), { count: 0, size: 0, unseen: 0 });
  const page = maildir.list({ folder: "", start: 0, end: 50, sortBy: "date" });
  assert.deepEqual(
    page,
    [
      ["1.a.host", 12, true, 1000, "cur/1.a.host:2,S"] as const,
      ["2.b.host", 14, false, 2000, "cur/2.b.host:2,F"] as const,
      ["3.c.host", 16, false, 3000, "new/3.c.host"] as const,
      ["4.d.host", 1, true, 4000, "new/4.d.host:2,S"] as const,
    ].map(([mid, size, seen, received, path]) => {
      const date = new Date(received * 1000);
      return { mid, folder: "", size, seen, received: date, path: join(directory.path, path) };
    }),
  );
  assert.deepEqual(maildir.find("3.c.host"), page[2]);
  assert.deepEqual(maildir.mails("inbox"), page.toReversed());
});

test("maildirs › four orders › sort in both directions", () => {
  using directory = new TemporaryMaildir();
  const mail = (from: string, subject: string, body = "") =>
    `X: y\nFrom: ${from}\nSubject: ${subject}\n\n${body}`;
  directory.write("cur/1:2,", mail("Zoe <b@example.org>", "Äpfel", "x".repeat(50)), 4000);
  directory.write("cur/2:2,", mail("=?utf-8?q?Y?= <c@example.org>", "=?utf-8?q?b?="), 3000);
  directory.write("cur/3:2,", mail("<a@example.org>", "c", "x".repeat(70)), 2000);
  directory.write("cur/4:2,", mail("<a@example.org>", "c", "x".repeat(70)), 1000);
  directory.write("cur/5:2,", mail("<a@example.org>", "c", "x".repeat(70)), 1000);
  const maildir = Maildir.open(directory.path);
  const orders: Readonly<Record<string, string>> = {
    date: "45321",
    sender: "45312",
    subject: "24531",
    size: "21453",
  };
  const sorted = (sortBy: string, start = 0, end = 100) =>
    mids(maildir.list({ folder: "", start, end, sortBy })).join("");
  for (const [name, expected] of Object.entries(orders)) {
    assert.equal(sorted(name), expected, name);
    const reversed = [...expected].reverse().join("");
    assert.equal(sorted(`!${name}`), reversed, `!${name}`);
    for (let start = 0; start <= 6; start++) {
      for (let end = start; end <= 7; end++) {
        assert.equal(sorted(name, start, end), expected.slice(start, end));
        assert.equal(sorted(`!${name}`, start, end), reversed.slice(start, end));
      }
    }
  }
  assert.equal(sorted(""), orders.date);
  assert.equal(sorted("!"), "12354");
  for (const wrong of ["Date", "!!date", "from", " date", "toString", "size!"]) {
    refused("invalid", () => sorted(wrong), /"date", "sender", "subject" and "size"/);
  }
  for (const [start, end] of [[2, 1], [-1, 5], [0, 0.5], [NaN, 1], [0, Infinity]]) {
    refused("invalid", () => sorted("date", start, end), /no page/);
  }
});

test("maildirs › callers' names › never become part of a path", () => {
  using directory = new TemporaryMaildir(".Sent", ".&AC4ALgAv-x", "elsewhere");
  directory.write("cur/1:2,", "inbox");
  directory.write("elsewhere/cur/2:2,", "not a folder");
  const maildir = Maildir.open(directory.path);
  for (
    const name of [
      ...[
        "..",
        ".",
        "/",
        "../",
        "./",
        ".Sent",
        "Sent/",
        "../.Sent",
        "Sent/../Sent",
        "Sent\0",
        "\0",
      ],
      ...["elsewhere", "cur", "../x", "&-", "sent", "Sent ", "/etc", directory.path, "__proto__"],
    ]
  ) {
    refused("not-found", () => maildir.count(name), /no folder/);
    refused("not-found", () => maildir.list({ folder: name, start: 0, end: 1, sortBy: "" }));
    refused("not-found", () => maildir.move(maildir.find("1"), name));
    refused("not-found", () => {
      maildir.add({ folder: name, data: encode("x"), seen: false, received: undefined });
    });
  }
  assert.deepEqual(maildir.folders(), ["&AC4ALgAv-x", "Sent"]);
  for (
    const mid of [
      ...["", ".", "..", "../cur/1", "/etc/passwd", "1:2,", "cur/1", "1\0", "2", "__proto__"],
    ]
  ) refused("not-found", () => maildir.find(mid), /no mail/);
  assert.deepEqual(directory.files("cur"), ["1:2,"]);
});

test("maildirs › files that are no mails › aren't listed", async () => {
  using directory = new TemporaryMaildir(".Sent");
  directory.write("secret", "not yours");
  directory.write("cur/1:2,", "mail");
  directory.write("cur/.hidden:2,", "x");
  directory.write("tmp/5", "half of a ma");
  mkdirSync(join(directory.path, "cur/directory,S=5:2,"));
  symlinkSync("../secret", join(directory.path, "cur/link,S=5:2,"));
  symlinkSync("/nowhere", join(directory.path, "cur/dangling:2,"));
  symlinkSync(".Sent", join(directory.path, ".Linked"));
  mkdirSync(join(directory.path, ".Half"));
  symlinkSync("../cur", join(directory.path, ".Half/cur"));
  for (const name of ["LinkedNew", "FileNew"]) {
    mkdirSync(join(directory.path, `.${name}/cur`), { recursive: true });
  }
  symlinkSync("../cur", join(directory.path, ".LinkedNew/new"));
  directory.write(".FileNew/new", "x");
  directory.write(".file", "x");
  execFileSync("mkfifo", [join(directory.path, "cur/pipe,S=5:2,")]);
  const server = createServer().listen(join(directory.path, "cur/socket,S=5:2,"));
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const maildir = Maildir.open(directory.path);
    assert.deepEqual(maildir.folders(), ["Sent"]);
    assert.deepEqual(maildir.count(""), { count: 1, size: 4, unseen: 1 });
    for (const sortBy of ["date", "size", "subject"]) {
      assert.deepEqual(mids(maildir.list({ folder: "", start: 0, end: 9, sortBy })), ["1"]);
    }
    for (const name of ["link,S=5", "pipe,S=5", "socket,S=5", "dangling", "directory,S=5", "5"]) {
      refused("not-found", () => maildir.find(name));
      const path = join(directory.path, "cur", `${name}:2,`);
      const mail: MailFile = { ...maildir.find("1"), mid: name, path };
      refused("not-found", () => maildir.read(mail));
      refused("not-found", () => maildir.readHeader(mail));
    }
    for (const name of ["Linked", "Half", "LinkedNew", "FileNew"]) {
      refused("not-found", () => maildir.count(name));
    }
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("maildirs › names of any length › are quoted shortened", () => {
  using directory = new TemporaryMaildir();
  const maildir = Maildir.open(directory.path);
  const name = "\0".repeat(1_000_000);
  for (
    const act of [
      () => maildir.find(name),
      () => maildir.count(name),
      () => maildir.list({ folder: "", start: 0, end: 1, sortBy: name }),
    ]
  ) assert.throws(act, ({ message }: Error) => message.length < 1200 && message.includes("\\x00…"));
});

test("maildirs › a mail › is read wholly or in part", () => {
  using directory = new TemporaryMaildir();
  directory.write("new/1", "0123456789");
  directory.write("new/2", "");
  const maildir = Maildir.open(directory.path);
  const mail = maildir.find("1");
  assert.equal(decode(maildir.read(mail)), "0123456789");
  assert.equal(maildir.read(mail).constructor, Uint8Array);
  const parts: readonly (readonly [number, number, string])[] = [
    [0, 3, "012"],
    [3, 4, "3456"],
    [8, 100, "89"],
    [10, 1, ""],
    [1e9, 1, ""],
    [0, 0, ""],
    [0, Number.MAX_SAFE_INTEGER, "0123456789"],
  ];
  for (const [offset, length, expected] of parts) {
    assert.equal(decode(maildir.read(mail, { offset, length })), expected);
  }
  for (const [offset, length] of [[-1, 1], [0, -1], [0.5, 1], [0, NaN]]) {
    refused("invalid", () => maildir.read(mail, { offset, length }));
  }
  assert.equal(maildir.read(maildir.find("2")).length, 0);
});

test("maildirs › headers of all kinds › are read up to their end", () => {
  using directory = new TemporaryMaildir();
  const long = (length: number) => `X: ${"x".repeat(length - 4)}\n`;
  /** Mails, and the lengths of their headers. */
  const mails: readonly (readonly [string, number])[] = [
    ["A: b\n\nbody\n\n", 5],
    ["A: b\r\nC: d\r\n\r\nbody", 12],
    ["A: b\n\r\nbody\n\n", 5],
    ["A: b\r\n\nbody\n\n", 6],
    ["\nbody\n\nmore", 0],
    ["\r\nbody", 0],
    ["", 0],
    ["A: b", 4],
    ["A: b\n", 5],
    ["no header at all\nno\n", 20],
    ...[8189, 8190, 8191, 8192, 8193, 32767, 32768, 32769, 200_000].flatMap((length) => [
      [`${long(length)}\nbody`, length] as const,
      [`${long(length - 1)}\r\n\r\nbody`.replace("\n\r\n", "\r\n\r\n"), length] as const,
      [`${long(length)}`, length] as const,
    ]),
    [`${long(262_143)}\nbody`, 262_143],
    [`${long(1_000_000)}\nbody`, 262_144],
    [long(1_000_000), 262_144],
  ];
  for (const [index, [text]] of mails.entries()) directory.write(`new/${index}`, text);
  const maildir = Maildir.open(directory.path);
  for (const [index, [text, length]] of mails.entries()) {
    const header = decode(maildir.readHeader(maildir.find(`${index}`)));
    assert.equal(header.length, length, JSON.stringify(text.slice(0, 40)));
    assert(text.startsWith(header));
  }
});

test("maildirs › a mail marked as seen › has the flag S", () => {
  using directory = new TemporaryMaildir();
  for (
    const name of ["cur/1:2,", "cur/2:2,DTab", "cur/3:1,x", "cur/4:2,FS", "new/5", "new/6:2,S"]
  ) {
    directory.write(name, "x", 1000);
  }
  const maildir = Maildir.open(directory.path);
  for (const mid of "123456") {
    const before = maildir.find(mid);
    assert.equal(before.seen, mid === "4" || mid === "6");
    const after = maildir.markSeen(before);
    assert.deepEqual(after, { ...before, seen: true, path: after.path });
    assert.deepEqual(maildir.find(mid), after);
    assert.deepEqual(maildir.markSeen(before), after);
  }
  assert.deepEqual(directory.files("new"), []);
  assert.deepEqual(
    directory.files("cur"),
    ["1:2,S", "2:2,DSTab", "3:1,x:2,S", "4:2,FS", "5:2,S", "6:2,S"],
  );
  assert.equal(maildir.count("").unseen, 0);
});

test("maildirs › a moved mail › keeps its name and its flags", () => {
  using directory = new TemporaryMaildir(".Entw&APw-rfe", ".Raw ü");
  for (const name of ["new/1", "cur/2:2,FSa", "cur/3,S=1,W=1:2,"]) directory.write(name, "x", 1000);
  const maildir = Maildir.open(directory.path);
  for (const mid of ["1", "2", "3,S=1,W=1"]) {
    const before = maildir.find(mid);
    const after = maildir.move(before, "Entwürfe");
    assert.deepEqual(after, { ...before, folder: "Entwürfe", path: after.path });
    assert.deepEqual(maildir.find(mid), after);
    // Its old data are enough to find it.
    assert.deepEqual(maildir.move(before, "Entwürfe"), after);
    assert.equal(decode(maildir.read(before)), "x");
  }
  assert.deepEqual(directory.files(".Entw&APw-rfe/cur"), ["1:2,", "2:2,FSa", "3,S=1,W=1:2,"]);
  assert.deepEqual(directory.files("cur").concat(directory.files("new")), []);
  maildir.move(maildir.find("2"), "Raw ü");
  assert.deepEqual(directory.files(".Raw ü/cur"), ["2:2,FSa"]);
  assert.equal(maildir.move(maildir.find("2"), "inbox").folder, "");
  assert.deepEqual(directory.files("cur"), ["2:2,FSa"]);
});

test("maildirs › a moved mail › keeps its keywords", () => {
  using directory = new TemporaryMaildir(".Sent", ".Plain");
  directory.write("dovecot-keywords", "0 $Forwarded\n1 Work\n2 $Junk\n25 last\n26 none\nrubbish\n");
  directory.write(".Sent/dovecot-keywords", "0 $Junk\n1 $Forwarded\n2 other\n3 Last\n");
  directory.write("cur/1:2,FSabcz", "x");
  directory.write("cur/2:2,Sy,ab", "x");
  directory.write("cur/3:2,FSabcz", "x");
  directory.write("cur/4:1,abc", "x");
  directory.write("cur/5:2,Sb", "x");
  directory.write("new/abc", "x");
  const maildir = Maildir.open(directory.path);
  for (const mid of ["1", "2", "4", "5", "abc"]) maildir.move(maildir.find(mid), "Sent");
  maildir.move(maildir.find("3"), "Plain");
  assert.deepEqual(
    directory.files(".Sent/cur"),
    ["1:2,FSabd", "2:2,S,ab", "4:1,abc", "5:2,S", "abc:2,"],
  );
  assert.deepEqual(directory.files(".Plain/cur"), ["3:2,FS"]);
  directory.write(".Plain/cur/6:2,Sab", "x");
  maildir.move(maildir.find("6"), "Sent");
  assert(directory.files(".Sent/cur").includes("6:2,Sab"));
  // Where the keywords are unreadable.
  directory.write("cur/7:2,Sab", "x");
  chmodSync(join(directory.path, "dovecot-keywords"), 0);
  asOrdinaryUser(directory.path, () => maildir.move(maildir.find("7"), "Sent"));
  assert(directory.files(".Sent/cur").includes("7:2,Sab"));
});

/** Two file systems, if the machine has them. */
const other = existsSync("/dev/shm") && statSync("/dev/shm").dev !== statSync(tmpdir()).dev;

test("maildirs › a move to another file system › is a failure", { skip: !other }, () => {
  using directory = new TemporaryMaildir();
  const path = directory.write("cur/1:2,", "x");
  const target = mkdtempSync("/dev/shm/dovewire-");
  try {
    const [from, to] = [dirname(path), target].map((path) =>
      Directory.open(path, { follow: false })
    );
    const rename = () =>
      renameMail({ directory: from, name: "1:2," }, { directory: to, name: "1:2," });
    refused("storage", rename, /mail "1": .*file system/);
    from.close();
    to.close();
  } finally {
    rmSync(target, { recursive: true });
  }
  assert.deepEqual(directory.files("cur"), ["1:2,"]);
});

test("maildirs › a move to the same folder › changes nothing", () => {
  using directory = new TemporaryMaildir();
  directory.write("new/1", "x");
  const maildir = Maildir.open(directory.path);
  const mail = maildir.find("1");
  assert.deepEqual(maildir.move(mail, ""), mail);
  assert.deepEqual(maildir.move(mail, "Inbox"), mail);
  assert.deepEqual(directory.files("new"), ["1"]);
});

test("maildirs › a move to a folder with that name › overwrites nothing", () => {
  using directory = new TemporaryMaildir(".Sent");
  directory.write("new/1", "one");
  directory.write(".Sent/cur/1:2,", "another");
  directory.write("cur/2:2,F", "two");
  directory.write(".Sent/cur/2:2,S", "another");
  const maildir = Maildir.open(directory.path);
  for (const name of ["1", "2"]) {
    refused("storage", () => maildir.move(maildir.find(name), "Sent"), /another mail of that name/);
  }
  assert.deepEqual(directory.files(".Sent/cur"), ["1:2,", "2:2,S"]);
  assert.equal(readFileSync(join(directory.path, "new/1"), "utf8"), "one");
  assert.equal(readFileSync(join(directory.path, "cur/2:2,F"), "utf8"), "two");
  // One that came after the folder was read.
  directory.write("cur/3:2,", "three");
  directory.write(".Sent/cur/3:2,", "another");
  refused("storage", () => maildir.move(maildir.find("3"), "Sent"), /another mail of that name/);
  assert.equal(readFileSync(join(directory.path, ".Sent/cur/3:2,"), "utf8"), "another");
  directory.write("new/4", "four");
  directory.write("cur/4:2,S", "another");
  const fresh = maildir.mails("").find(({ path }) => path.endsWith("/new/4"))!;
  refused("storage", () => maildir.markSeen(fresh), /another mail of that name/);
});

test("maildirs › a mail with two names, moved from one to the other › isn't lost", () => {
  using directory = new TemporaryMaildir(".Sent");
  directory.write("cur/1:2,S", "one");
  linkSync(join(directory.path, "cur/1:2,S"), join(directory.path, ".Sent/cur/1:2,S"));
  const maildir = Maildir.open(directory.path);
  const mail = { ...maildir.find("1"), folder: "", path: join(directory.path, "cur/1:2,S") };
  assert.equal(maildir.move(mail, "Sent").folder, "Sent");
  assert.deepEqual(directory.files(".Sent/cur"), ["1:2,S"]);
  assert.equal(maildir.count("Sent").count, 1);
});

test("maildirs › two mails of one name in a folder › are both listed", () => {
  using directory = new TemporaryMaildir(".Sent");
  directory.write("new/1", "one");
  directory.write("cur/1:2,S", "another");
  directory.write("cur/2:2,", "two");
  linkSync(join(directory.path, "cur/2:2,"), join(directory.path, "new/2"));
  const maildir = Maildir.open(directory.path);
  assert.equal(maildir.count("").count, 3);
  const mails = maildir.mails("");
  assert.deepEqual(mails.map((mail) => decode(maildir.read(mail))).sort(), [
    "another",
    "one",
    "two",
  ]);
  assert.equal(new Set(mids(mails)).size, 3);
  for (const mail of mails) assert.deepEqual(maildir.find(mail.mid), mail);
  // A caller that asks twice for one of them doesn't get the other.
  const [one, other] = mails.filter(({ mid }) => mid.startsWith("1"))
    .sort((first, second) => first.mid.length - second.mid.length);
  maildir.remove(one);
  refused("not-found", () => maildir.remove(one));
  refused("not-found", () => maildir.find(one.mid));
  const kept = maildir.mails("").filter(({ mid }) => mid.startsWith("1"));
  assert.deepEqual(kept.map(({ path }) => path), [other.path]);
  assert.equal(maildir.count("").count, 2);
});

test("maildirs › a mail copied with its name › is the one listed last", () => {
  using directory = new TemporaryMaildir(".Archive", ".Sent");
  for (const folder of ["", ".Archive", ".Sent"]) directory.write(join(folder, "cur/1:2,S"), "x");
  const maildir = Maildir.open(directory.path);
  for (const folder of ["Sent", "", "Archive", "Sent", "Archive", ""]) {
    maildir.list({ folder, start: 0, end: 10, sortBy: "" });
    assert.equal(maildir.find("1").folder, folder);
  }
});

test("maildirs › a file whose name is invalid text › isn't counted", () => {
  using directory = new TemporaryMaildir();
  directory.write("cur/1:2,", "x");
  directory.write("cur/\uFFFD2:2,", "x");
  const script = 'printf x >"$1/cur/$(printf "\\377,S=5:2,")"';
  execFileSync("sh", ["-c", script, "sh", directory.path]);
  const maildir = Maildir.open(directory.path);
  assert.equal(maildir.mails("").length, 2);
  assert.deepEqual(maildir.count(""), { count: 2, size: 2, unseen: 2 });
});

test("maildirs › invalid paths and options › are refused", () => {
  using directory = new TemporaryMaildir();
  const { path } = directory;
  for (
    const [name, ...values] of [
      ["maxRemembered", -1, NaN, "5", true, [5], Symbol()],
      ["maxUnpackedSize", 0, NaN, "5", true, [5], Symbol()],
      ["followLink", "false", 0, null, {}],
    ] as const
  ) {
    for (const value of values) {
      refused("invalid", () => Maildir.open(path, { [name]: value }), RegExp(`"${name}" is `));
    }
  }
  for (const options of [null, "followLink", true]) {
    refused("invalid", () => Maildir.open(path, options as never), /"options" is /);
  }
  for (const wrong of ["", "/a\0b", 5, null, undefined, [path], {}, Symbol()]) {
    refused("invalid", () => Maildir.open(wrong as never), /is not a valid path/);
  }
});
