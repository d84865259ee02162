import assert from "node:assert/strict";
import { test } from "node:test";
import { openServer } from "../../cli/servers/open_server.ts";
import { countsIn, metricSettings, ratesBetween } from "../../cli/top/rates.ts";
import { bytesText, drawScreen, type ServerState } from "../../cli/top/screen.ts";
import { Watch } from "../../cli/top/watch.ts";
import { type DovecotVersion, startDovecot } from "../harness/dovecot/dovecot.ts";
import { type ImapSession, logIn } from "./imap_session.ts";
import { runWords } from "./run.ts";

const now = new Date("2026-01-05T11:30:00Z");

const state: ServerState = {
  server: "mx1",
  sessions: [
    { user: "alice", service: "imap", sessions: 1, addresses: ["192.0.2.9"] },
    { user: "bob\x1b[2J", service: "imap", sessions: 12, addresses: ["192.0.2.1", "2001:db8::1"] },
    { user: "alice", service: "pop3", sessions: 1, addresses: [] },
  ],
  processes: new Map([["imap", { processes: 13, limit: 1024 }], ["dict", {
    processes: 0,
    limit: 100,
  }]]),
  processCount: 20,
  quota: [
    {
      ...{ user: "bob", root: "User quota", usedBytes: 950 * 1024, limitBytes: 1024 ** 2 },
      ...{ usedMessages: 7, limitMessages: undefined },
    },
  ],
  rates: { commands: 3.14, bytesIn: 100, bytesOut: 5_000_000 },
};

test("top › a screen › has sessions, quota and processes", () => {
  const lines = drawScreen([state], { width: Infinity, height: Infinity, sort: "sessions", now });
  assert.deepEqual(lines, [
    "mx1  2026-01-05 11:30:00 UTC  14 sessions of 2 users, 20 processes",
    "3.1 commands/s, 100 B/s in, 4.8 MiB/s out",
    "",
    "USER       SERVICE SESSIONS ADDRESSES",
    "bob\\x1b[2J imap          12 192.0.2.1 2001:db8::1",
    "alice      imap           1 192.0.2.9",
    "alice      pop3           1 ",
    "",
    "USER QUOTA         USED   LIMIT FULL",
    "bob  User quota 950 KiB 1.0 MiB  92%",
    "",
    "SERVICE PROCESSES LIMIT",
    "imap           13  1024",
  ]);
});

test("top › sorted by each column › has the rows in that order", () => {
  const order = (sort: Parameters<typeof drawScreen>[1]["sort"]) =>
    drawScreen([state], { width: Infinity, height: Infinity, sort, now }).slice(4, 7)
      .map((line) => line.replace(/\s+/g, " ").split(" ").slice(0, 2).join(" "));
  assert.deepEqual(order("user"), ["alice imap", "alice pop3", "bob\\x1b[2J imap"]);
  assert.deepEqual(order("service"), ["alice imap", "bob\\x1b[2J imap", "alice pop3"]);
  assert.deepEqual(order("address"), ["alice pop3", "bob\\x1b[2J imap", "alice imap"]);
});

test("top › any size of the terminal › is not exceeded", () => {
  const many: ServerState = {
    ...state,
    sessions: Array.from({ length: 500 }, (_, at) => ({
      ...{
        user: `user${at}@long.example.org`,
        service: "imap",
        sessions: at,
        addresses: ["192.0.2.1"],
      },
    })),
  };
  for (const [width, height] of [[80, 24], [20, 5], [1, 1], [200, 60]]) {
    const lines = drawScreen([many, many, { ...state, problem: "down" }], {
      ...{ width, height, sort: "sessions", now },
    });
    assert(lines.length <= height);
    for (const line of lines) assert(line.length <= width, `${width}: ${line}`);
  }
});

test("top › a server that is silent › is said after some seconds, and its old rows stay", () => {
  const lines = (silence: number) =>
    drawScreen([{ ...state, silence }], { width: 80, height: 24, sort: "user", now });
  assert.equal(lines(2_999)[1], lines(0)[1]);
  assert.equal(lines(65_999)[1], "no answer for 65 s: what follows was before that");
  assert.deepEqual(lines(65_999).filter((line) => /^alice/.test(line)).length, 2);
});

test("top › values of 10 MB, and signs without a width › don't fill more than a line", () => {
  const large = ["x", "漢", "\u0301", "\x1b"].map((sign) => sign.repeat(3_000_000));
  const [ascii, wide, mark, escape] = large;
  const evil: ServerState = {
    ...{ ...state, server: mark, missing: large, problem: undefined },
    sessions: large.map((user) => ({
      ...{ user, service: user, sessions: 2 ** 53, addresses: [user, user] },
    })),
    processes: new Map(large.map((name) => [name, { processes: Infinity, limit: NaN }])),
    quota: large.map((root) => ({
      ...{ user: ascii, root, usedBytes: Infinity, limitBytes: 1e-300 },
      ...{ usedMessages: NaN, limitMessages: 1 },
    })),
  };
  const size = { width: 80, height: 24 };
  const screens = [evil, { ...evil, problem: wide }, { ...evil, problem: escape }].map((state) =>
    drawScreen([state], { ...size, sort: "address", now })
  );
  for (const lines of screens) {
    assert(lines.length <= 24);
    for (const line of lines) {
      assert(line.length <= 80 * 8 + 1, `${line.length}`);
      assert.doesNotMatch(line, /\p{Cc}/u);
    }
  }
});

test("top › without the metric, and before its second count › says so", () => {
  const second = (rates: ServerState["rates"]) =>
    drawScreen([{ ...state, rates }], { width: Infinity, height: Infinity, sort: "user", now })[1];
  assert.match(second(undefined), /no metric "dovewire_top" \(dovewire top --help\)/);
  assert.match(second(null), /after the next refresh/);
});

test("top › rates › are of the time between two counts", () => {
  const row = (field: string, count: number, sum: number) => ({
    ...{ metric_name: "dovewire_top", field, count, sum },
  });
  const rows = (commands: number, bytes: number) => [
    ...[row("duration", commands, 1), row("net_in_bytes", commands, bytes)],
    { ...row("duration", 9, 9), metric_name: "other" },
  ];
  const [before, after] = [countsIn(rows(10, 100), 1000)!, countsIn(rows(30, 300), 3000)!];
  assert.deepEqual(ratesBetween(before, after), { commands: 10, bytesIn: 100, bytesOut: 0 });
  assert.equal(ratesBetween(after, before), undefined);
  assert.equal(countsIn([], 1), undefined);
});

test("top › numbers of bytes › have a unit", () => {
  const texts = [0, 1023, 1024, 1536, 200 * 1024, 5 * 1024 ** 4].map(bytesText);
  assert.deepEqual(texts, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "200 KiB", "5.0 TiB"]);
});

test("top › no terminal › needs --once", async () => {
  const { code, errors } = await runWords(["top", "--server", "/proc/nonexistent"]);
  assert.equal(code, 64);
  assert.match(errors, /add --once/);
  const once = await runWords(["top", "--once", "--server", "/proc/nonexistent"]);
  assert.equal(once.code, 75);
  assert.match(once.output, /Cannot connect/);
});

for (const version of ["2.3", "2.4"] as const satisfies readonly DovecotVersion[]) {
  test(`top › Dovecot ${version} with the help's settings › has sessions and rates`, async () => {
    await using dovecot = await startDovecot({ version, imap: true, extraConfig: metricSettings });
    const { signal } = new AbortController();
    const chosen = { name: "mx1", url: `doveadm+unix://${dovecot.socket}` };
    const watch = new Watch("mx1", () => openServer(chosen, { signal }), { signal });
    const sessions: ImapSession[] = [];
    try {
      for (const user of ["alice", "bob"]) {
        sessions.push(await logIn(dovecot.imapPort!, user, dovecot.password));
      }
      let first = await watch.refresh();
      assert.equal(first.problem, undefined);
      assert.equal(first.rates, null);
      // The process that counts sessions learns of a login some time after it.
      for (let attempt = 0; first.sessions.length < 2 && attempt < 1_000; attempt++) {
        first = await watch.refresh();
      }
      assert.deepEqual(first.sessions.map(({ user }) => user).sort(), ["alice", "bob"]);
      assert.deepEqual(first.quota.map(({ user }) => user).sort(), ["alice", "bob", "carol"]);
      assert(first.processes.get("imap")!.processes >= 2);
      // A session tells the statistics of a command when it gets to it.
      let rates: ServerState["rates"];
      for (let attempt = 0; attempt < 1_000 && !rates?.commands; attempt++) {
        await sessions[0].send(20);
        rates = (await watch.refresh()).rates;
      }
      assert(rates!.commands > 0, JSON.stringify(rates));
      assert(rates!.bytesOut > 0, JSON.stringify(rates));
    } finally {
      for (const session of sessions) session.leave();
      await watch.close();
    }
  });
}
