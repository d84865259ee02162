import assert from "node:assert/strict";
import { test } from "node:test";
import { MailSystem } from "../../../testing/mail_system.ts";
import { fitsWildcards } from "../../../testing/mailboxes/wildcards.ts";
import { answersOf } from "../answers.ts";

const fields = { home: "/mail/alice", uid: "1000", quota_rule: "*:storage=1G" };

const sessions = [
  { username: "alice", service: "imap", pid: 11, ip: "192.0.2.1" },
  { username: "alice", service: "imap", pid: 11, ip: "192.0.2.1" },
  { username: "alice", service: "imap", pid: 12, ip: "192.0.2.2" },
  { username: "bob", service: "imap", pid: 12, ip: "192.0.2.7" },
  { username: "carol", service: "pop3", pid: 13, ip: "2001:db8::1" },
  { username: "dave", service: "lmtp", pid: 14 },
  { username: "alice", service: "imap", pid: 13, ip: "::ffff:10.1.2.3" },
];

function systemOf(): MailSystem {
  const system = new MailSystem({ users: { alice: { fields }, "bob@example.org": {}, 'c"d': {} } });
  system.sessions.push(...sessions);
  return system;
}

test("users › masks › match names", () => {
  for (
    const [mask, name, fits] of [
      ["*", "", true],
      ["*", "alice", true],
      ["a*e", "alice", true],
      ["A?I*", "alice", true],
      ["*li*li*", "alilic", true],
      ["a.c", "abc", false],
      ["?", "", false],
      ["", "a", false],
      ["alice", "alicex", false],
      ["a*b", "abc", false],
    ] as const
  ) {
    assert.equal(fitsWildcards(mask, name), fits, `${mask} ${name}`);
  }
});

test("users › user › returns JSON", async () => {
  const answers = answersOf(systemOf());
  const all = '"uid":"1000","gid":"","home":"/mail/alice","mail":""';
  for (
    const [args, expected] of [
      [["*"], ['{"userList":["alice","bob@example.org","c\\"d"]}']],
      [["BOB*", "x"], ['{"userList":["bob@example.org"]}']],
      [["z*"], ['{"userList":[]}']],
      [["alice"], [`{"alice":{${all},"quota_rule":"*:storage=1G"}}`]],
      [["ALICE", "-f", "home"], ['{"ALICE":{"home":"/mail/alice"}}']],
      [["ALICE", "-f", "user"], ['{"ALICE":{"user":"alice"}}']],
      [["-f", "nosuch", "alice"], ['{"alice":{}}']],
      [["-u", "alice", "-f", "uid"], ['{"alice":{"uid":"1000"}}']],
      [["-e", "%u %n %d %{home} %Un%%", "alice"], [
        '{"alice":{"%u %n %d %{home} %Un%%":"alice alice  /mail/alice ALICE%"}}',
      ]],
      [["-e", "%d", "bob@example.org"], ['{"bob@example.org":{"%d":"example.org"}}']],
      [["-e", "%q", "alice"], [
        '{"alice":{"error":"Failed to expand field: Unknown variable \'%q\'"}}',
      ]],
      [["zoe"], ['{"zoe":{"error":"userdb lookup: user zoe doesn\'t exist"}}', "-NOUSER"]],
      [["-x", "rip=192.0.2.1", "-x", "lport=143", "c*"], ['{"userList":["c\\"d"]}']],
      [["-x", "bogus=1", "alice"], ["-USAGE"]],
      [["-e", "%u", "-f", "home", "alice"], ["-USAGE"]],
      [["-e", "%u", "-u", "alice"], ["-USAGE"]],
      [[], ["-USAGE"]],
    ] as const
  ) {
    assert.deepEqual(await answers("user", args), expected, JSON.stringify(args));
  }
});

test("users › who › returns the matching sessions", async () => {
  const answers = answersOf(systemOf());
  const alice = [
    ...["alice", "4", "imap", "(11 12 13)", "(192.0.2.1 192.0.2.2 ::ffff:10.1.2.3)"],
  ];
  const bob = ["bob", "1", "imap", "(12)", "(192.0.2.7)"];
  const carol = ["carol", "1", "pop3", "(13)", "(2001:db8::1)"];
  const dave = ["dave", "1", "lmtp", "(14)", "()"];
  for (
    const [args, expected] of [
      [[], [...alice, ...bob, ...carol, ...dave]],
      [["ALI*"], alice],
      [["192.0.2.0/24"], [...alice, ...bob]],
      [["192.0.2.0/30"], alice],
      [["192.0.2.7"], bob],
      [["10.0.0.0/8"], alice],
      [["10.1/8"], alice],
      [["2001:db8::/32"], carol],
      [["[2001:db8::1]"], carol],
      [["0.0.0.0/0"], [...alice, ...bob, ...carol, ...dave]],
      [["alice", "192.0.2.2"], alice],
      [["-1", "alice", "192.0.2.2"], ["alice", "imap", "12", "192.0.2.2"]],
      [["-1", "dave"], ["dave", "lmtp", "14", ""]],
      [["::1"], []],
      [["192.0.2.1/33"], []],
      [["10"], []],
      [["alice", "bob"], ["-USAGE"]],
      [["::1", "::2"], ["-USAGE"]],
    ] as const
  ) {
    assert.deepEqual(await answers("who", args), expected, JSON.stringify(args));
  }
});

test("users › kick › ends the matching sessions", async () => {
  const system = systemOf();
  const answers = answersOf(system);
  assert.deepEqual(await answers("kick", ["zoe"]), ["-NOTFOUND"]);
  assert.deepEqual(await answers("kick", ["carol", "192.0.2.1"]), ["-NOTFOUND"]);
  assert.deepEqual(await answers("kick", []), ["-USAGE"]);
  // The process serves both of them.
  assert.deepEqual(await answers("kick", ["bob"]), ["alice", "bob"]);
  assert.deepEqual(system.sessions.map(({ pid }) => pid), [11, 11, 13, 14, 13]);
  assert.deepEqual(await answers("kick", ["-f", "2001:db8::/32"]), ["alice", "carol"]);
  assert.deepEqual(await answers("kick", ["*"]), ["alice", "dave"]);
  assert.deepEqual(system.sessions, []);
});

test("users › reload › does nothing", async () => {
  const answers = answersOf(systemOf());
  assert.deepEqual(await answers("reload"), []);
  assert.deepEqual(await answers("reload", ["x"]), ["-USAGE"]);
});
