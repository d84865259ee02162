import assert from "node:assert/strict";
import { chown, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import {
  AuthenticationError,
  type ChildProcess,
  type Extractor,
  ExtractorEndError,
  ExtractorFailure,
  type ExtractorProcessOptions,
  LocalProtocolError,
  openExtractor,
  type SortBy,
} from "../../../extractor/client/extractor.ts";
import { spawn } from "../../../transports/mod.ts";
import { atFullSize } from "../../harness/soak.ts";
import { onThisRuntime, pathOf, versionsForManyCalls } from "../harness/programs.ts";
import { errorOf, leavingNoProcess } from "./peers.ts";

// The real program, on the runtime that the test runs on, started after a check of the password.

const isRoot = process.geteuid?.() === 0;
const credentials = { user: "joe", password: "s3cret" };

const plain =
  "From: Zoë <zoe@example.org>\nTo: joe@example.org\nSubject: apples\n\nAll about apples.\n";
const multipart = [
  "From: bob@example.org",
  "Subject: =?UTF-8?Q?=C3=84pfel?=",
  "Date: Tue, 06 Jan 2026 16:05:00 +0100",
  "MIME-Version: 1.0",
  'Content-Type: multipart/mixed; boundary="b"',
  "",
  "--b",
  "Content-Type: text/plain; charset=iso-8859-1",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "Gr=FC=DFe",
  "--b",
  "Content-Type: application/octet-stream",
  'Content-Disposition: attachment; filename="a.bin"',
  "Content-Transfer-Encoding: base64",
  "",
  "AAECA/8=",
  "--b--",
  "",
].join("\n");

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dovewire-extractor-"));
  await writeFile(join(folder, "passwords"), `${credentials.user}:${credentials.password}\n`);
});

after(() => rm(folder, { recursive: true, force: true }));

/** Creates a maildir for a user, with a folder "Archive" and the two mails, the plain one first. */
async function makeMaildir(user: string): Promise<void> {
  const paths = [user, `${user}/.Archive`].flatMap((box) =>
    ["", "/cur", "/new", "/tmp"].map((name) => join(folder, `${box}${name}`))
  );
  for (const path of paths) await mkdir(path);
  const files = [["cur/1700000000.M1P1.host:2,S", plain], ["new/1700000001.M2P1.host", multipart]];
  for (const [at, [name, mail]] of files.entries()) {
    const path = join(folder, user, name);
    paths.push(path);
    await writeFile(path, mail);
    const time = new Date(Date.UTC(2026, 0, 10, 12 + at));
    await utimes(path, time, time);
  }
  if (isRoot) { for (const path of [folder, ...paths]) await chown(path, 65534, 65534); }
}

/** Opens a client of the program. */
function open(mailUser: string, options: Partial<ExtractorProcessOptions> = {}): Extractor {
  return openExtractor({
    command: [
      ...["perl", pathOf("tests/extractor/harness/authuser.pl")],
      ...onThisRuntime(pathOf("extractor/program/extractor.ts")),
    ],
    maildir: folder,
    systemUser: isRoot ? "nobody" : userInfo().username,
    mailUser,
    credentials,
    env: { PATH: process.env.PATH ?? "", AUTHUSER_FILE: join(folder, "passwords") },
    ...options,
  });
}

for (const version of versionsForManyCalls()) {
  test(`extractor program › all methods, version ${version} › right answers`, async () => {
    await makeMaildir(`all${version}`);
    await leavingNoProcess(async () => {
      await using extractor = open(`all${version}`, { version });
      await extractor.auth();
      assert.deepEqual(await extractor.folders(), ["Archive"]);
      const size = plain.length + 1 + multipart.length;
      assert.deepEqual(await extractor.count(), { count: 2, size, unseen: 1 });

      const listed = await extractor.list();
      assert.deepEqual(listed.map(({ subject }) => subject), ["apples", "Äpfel"]);
      assert.deepEqual(listed.map(({ seen }) => seen), [true, false]);
      assert.deepEqual(listed.map(({ dateReceived }) => dateReceived), [
        new Date("2026-01-10T12:00:00Z"),
        new Date("2026-01-10T13:00:00Z"),
      ]);
      assert.deepEqual(listed[0].from, [{ name: "Zoë", address: "zoe@example.org" }]);
      assert.deepEqual(listed[1].dateSent, new Date("2026-01-06T15:05:00Z"));
      const orders: [SortBy, string[]][] = [
        ["date", ["apples", "Äpfel"]],
        ["!date", ["Äpfel", "apples"]],
        ["sender", ["Äpfel", "apples"]],
        ["!sender", ["apples", "Äpfel"]],
        ["size", ["apples", "Äpfel"]],
        ["!size", ["Äpfel", "apples"]],
      ];
      const pages = await Promise.all(orders.map(([sortBy]) => extractor.list({ sortBy })));
      for (const [at, [sortBy, subjects]] of orders.entries()) {
        assert.deepEqual(pages[at].map(({ subject }) => subject), subjects, sortBy);
      }
      const [second] = await extractor.list({ start: 1, end: 2 });
      assert.equal(second.subject, "Äpfel");

      const { mid } = listed[1];
      const { head, body } = await extractor.readMail(mid, { markSeen: true });
      assert.deepEqual({ ...head, seen: false }, listed[1]);
      assert.equal(body.contentType, "multipart/mixed");
      assert.equal(body.parts?.[0].text?.trim(), "Grüße");
      assert.equal(body.parts?.[1].filename, "a.bin");
      assert.equal(body.parts?.[1].text, undefined);
      assert.equal((await extractor.count()).unseen, 0);
      const { data, part } = await extractor.part(mid, "2");
      assert.deepEqual([...data], [0, 1, 2, 3, 255]);
      assert.equal(part.contentType, "application/octet-stream");
      const simple = await extractor.readMail(listed[0].mid);
      assert.equal(simple.body.text, "All about apples.\n");

      const text = new TextDecoder();
      assert.equal(text.decode(await extractor.raw(mid)), multipart);
      const range = { offset: 6, length: 15 };
      assert.equal(text.decode(await extractor.raw(mid, range)), multipart.slice(6, 21));
      assert.equal((await extractor.raw(mid, { length: 0 })).length, 0);
      let whole = "";
      for await (const piece of extractor.rawPieces(mid, { pieceSize: 200 })) {
        whole += text.decode(piece);
      }
      assert.equal(whole, multipart);

      const found = await extractor.search({ pattern: "(?i)APPLES" });
      assert.deepEqual(found.map(({ subject }) => subject), ["apples"]);
      await extractor.move(mid, "Archive");
      assert.equal((await extractor.count()).count, 1);
      const [moved] = await extractor.list({ folder: "Archive" });
      assert.deepEqual([moved.mid, moved.folder, moved.seen], [mid, "Archive", true]);

      const dateReceived = new Date("2020-02-29T01:02:03Z");
      const added = await extractor.add({
        data: plain,
        folder: "Archive",
        seen: true,
        dateReceived,
      });
      const [oldest] = await extractor.list({ folder: "Archive" });
      assert.deepEqual([oldest.mid, oldest.seen, oldest.dateReceived], [added, true, dateReceived]);
      assert.equal(text.decode(await extractor.raw(added)), plain);
      await extractor.remove(added);
      for (
        const [failing, code] of [
          [() => extractor.remove(added), "not-found"],
          [() => extractor.readMail("../../etc/passwd"), "not-found"],
          [() => extractor.move(mid, "../elsewhere"), "not-found"],
          [() => extractor.part(mid, "7"), "not-found"],
          [() => extractor.search({ pattern: "(" }), "invalid"],
          [() => extractor.list({ sortBy: "colour" as SortBy }), "invalid"],
          [() => extractor.list({ start: 2, end: 1 }), "invalid"],
        ] as const
      ) {
        assert.equal((await errorOf<ExtractorFailure>(failing(), ExtractorFailure)).code, code);
      }
      const unknown = extractor.send("shout", new Uint8Array(0));
      if (version === 1) await errorOf(unknown, LocalProtocolError);
      else assert.equal((await errorOf(unknown, ExtractorFailure)).code, "unsupported");
      assert.deepEqual(
        await readdir(join(folder, `all${version}`, ".Archive", "cur")).then((l) => l.length),
        1,
      );
    });
  });
}

test("extractor program › wrong password, invalid user, missing maildir › rejected with the reason", async () => {
  await makeMaildir("wrong");
  await leavingNoProcess(async () => {
    for (const version of [1, 2, 3] as const) {
      await using stranger = open("wrong", {
        version,
        credentials: { user: "joe", password: "no" },
      });
      const refused = await errorOf(stranger.auth(), AuthenticationError);
      assert.match(
        refused.message,
        /^Cannot log in as "joe" to process perl \(pid \d+\): it exited with code 1/,
      );
      assert.equal(refused.sent, false);
      await using root = open("wrong", { version, systemUser: "root" });
      const error = await errorOf(root.count(), ExtractorEndError);
      assert.deepEqual([error.exit?.code, error.sent], [5, false]);
      await using nobody = open("nobody-has-this", { version });
      assert.equal((await errorOf(nobody.count(), ExtractorFailure)).code, "storage");
    }
  });
});

test("extractor program › thousands of pipelined requests › answered in order", async () => {
  const requests = atFullSize(10_000, 2_000);
  await makeMaildir("many");
  await leavingNoProcess(async () => {
    await using extractor = open("many");
    const order: number[] = [];
    await Promise.all(Array.from({ length: requests }, async (_, at) => {
      const { count } = await extractor.count(at % 2 === 0 ? "" : "Archive");
      assert.equal(count, at % 2 === 0 ? 2 : 0);
      order.push(at);
    }));
    assert(order.every((at, position) => at === position));
  });
});

test("extractor program › killed or stopped › a new process answers later requests", async () => {
  await makeMaildir("killed");
  await leavingNoProcess(async () => {
    const processes: ChildProcess[] = [];
    await using extractor = open("killed", {
      async spawn(command, options) {
        const child = await spawn(command, options);
        processes.push(child);
        return child;
      },
    });
    await extractor.count();
    const calls = Array.from({ length: 2_000 }, () => extractor.count());
    processes[0].kill("SIGKILL");
    const outcomes = await Promise.allSettled(calls);
    const lost = outcomes.flatMap((outcome) => outcome.status === "rejected" ? outcome.reason : []);
    // All except those that were running when it died.
    assert(lost.length <= 256, `${lost.length} requests were lost`);
    for (const error of lost) {
      assert(error instanceof ExtractorEndError && error.sent, String(error));
      assert.equal(error.exit?.signal, "SIGKILL");
    }
    assert.equal((await extractor.count()).count, 2);
    const [, second] = processes;
    process.kill(second.pid, "SIGSTOP");
    await assert.rejects(extractor.count("", { timeout: 100 }), { name: "TimeoutError" });
    assert.equal((await extractor.count()).count, 2);
    assert.equal(processes.length, 3);
  });
});
