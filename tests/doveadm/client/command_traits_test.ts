import assert from "node:assert/strict";
import { test } from "node:test";
import { commands } from "../../../core/doveadm/catalogue/mod.ts";
import { sharesConnection, whyItMayHaveDied } from "../../../doveadm/client/command_traits.ts";

/** Commands that take a user and still need a connection of their own. */
const alone: Readonly<Record<string, string>> = {
  backup: "it ends in dsync's own protocol",
  batch: "it runs other commands",
  "dsync-server": "it ends in dsync's own protocol",
  sync: "it ends in dsync's own protocol",
};

test("command traits › all commands › only those that act on mail share a connection", () => {
  for (const { name, mail } of Object.values(commands)) {
    assert.equal(sharesConnection(name), mail && !(name in alone), name);
  }
});

test("command traits › an unknown command › has its own connection", () => {
  for (const name of ["", "no such command", "toString", "MAILBOX LIST", "mailbox"]) {
    assert(!sharesConnection(name));
  }
  assert.match(whyItMayHaveDied("toString"), /a missing argument/);
  assert.match(whyItMayHaveDied("fetch"), /an unknown field/);
});

test("command traits › the server has logged something for a command › that is the reason", () => {
  const why = whyItMayHaveDied("copy", [
    { level: "debug", message: "nothing" },
    { level: "error", message: "Quota exceeded" },
    { level: "error", message: "doveadm: Raw backtrace: #0 x" },
    { level: "info", message: "something" },
  ]);
  assert.equal(why, "The server's last log line for it: Quota exceeded");
  assert.match(whyItMayHaveDied("copy", [{ level: "info", message: "x" }]), /a full quota/);
});
