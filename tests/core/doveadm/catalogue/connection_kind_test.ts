import assert from "node:assert/strict";
import { test } from "node:test";
import {
  commands,
  type ConnectionKind,
  connectionKind,
  connectionKindOf,
  findCommand,
} from "../../../../core/doveadm/catalogue/mod.ts";

/** Commands that take a user and still need a fresh connection. */
const alone: Readonly<Record<string, string>> = {
  backup: "it ends in dsync's own protocol",
  batch: "it runs other commands",
  "dsync-server": "it ends in dsync's own protocol",
  sync: "it ends in dsync's own protocol",
};

test("connection kinds › commands that act on mail › share connections, but for a few", () => {
  for (const info of Object.values(commands)) {
    const isShared = info.mail && !(info.name in alone);
    for (const version of ["2.3", "2.4"] as const) {
      const kind = connectionKindOf(info.name, [], version);
      assert.equal(kind === "mail", isShared, info.name);
      assert.equal(connectionKind(info, [], version), kind);
    }
  }
});

test("connection kinds › what isn't known › is fresh", () => {
  for (const name of ["", "no such command", "toString", "__proto__", "WHO", "mailbox"]) {
    assert.equal(connectionKindOf(name, [], "2.3"), "fresh");
    assert.equal(connectionKindOf(name, [], "2.4"), "fresh");
  }
});

const lines: readonly (readonly [
  line: readonly string[],
  in23: ConnectionKind,
  in24: ConnectionKind,
])[] = [
  [["who"], "plain", "plain"],
  [["who", "alice"], "plain", "plain"],
  [["who", "-1"], "fresh", "fresh"],
  [["who", "--separate-connections", "alice"], "fresh", "fresh"],
  [["who", "-f", "alt_username", "alice"], "fresh", "fresh"],
  [["who", "-a", "/run/other"], "fresh", "fresh"],
  [["who", "--no-such-option"], "fresh", "fresh"],
  [["user", "*"], "plain", "plain"],
  [["user", "-f", "home", "alice"], "plain", "plain"],
  [["user", "-e%u", "alice"], "plain", "plain"],
  [["user", "-x", "service=imap", "alice"], "plain", "plain"],
  [["user", "-u", "alice"], "fresh", "fresh"],
  [["user", "-a", "/run/other", "alice"], "fresh", "fresh"],
  [["kick", "alice"], "plain", "fresh"],
  [["kick", "-f", "alice"], "fresh", "fresh"],
  [["reload"], "plain", "plain"],
  [["log reopen"], "plain", "plain"],
  [["log errors"], "fresh", "fresh"],
  [["penalty"], "fresh", "fresh"],
  [["stats add", "name", "event=x"], "plain", "plain"],
  [["stats add", "--description=x", "name", "event=x"], "fresh", "fresh"],
  [["stats dump"], "fresh", "fresh"],
  [["proxy list"], "fresh", "plain"],
  [["proxy list", "-1"], "fresh", "fresh"],
  [["service status"], "fresh", "fresh"],
  [["instance list"], "fresh", "fresh"],
  [["mailbox list", "--bogus"], "mail", "mail"],
];

for (const [[name, ...args], in23, in24] of lines) {
  test(`connection kinds › ${[name, ...args].join(" ")} › ${in23} in 2.3, ${in24} in 2.4`, () => {
    assert.equal(connectionKindOf(name, args, "2.3"), in23);
    assert.equal(connectionKindOf(name, args, "2.4"), in24);
  });
}

test("connection kinds › parameters that were tried › are those of the command", () => {
  for (const { name, plain = {}, mail, parameters, since } of Object.values(commands)) {
    for (const [version, tried] of Object.entries(plain)) {
      assert(!mail && version >= since, name);
      for (const one of tried) assert(parameters.some((it) => it.name === one), `${name} ${one}`);
    }
  }
  assert(findCommand("who")?.plain !== undefined);
});
