import assert from "node:assert/strict";
import { test } from "node:test";
import { whyItMayHaveDied } from "../../../doveadm/client/command_traits.ts";

test("command traits › a likely mistake › is told for the command", () => {
  assert.match(whyItMayHaveDied("toString"), /a missing argument/);
  assert.match(whyItMayHaveDied("fetch"), /an unknown field/);
});

test("command traits › what the server logged for a command › is told in place of a guess", () => {
  const why = whyItMayHaveDied("copy", [
    { level: "debug", message: "nothing" },
    { level: "error", message: "Quota exceeded" },
    { level: "error", message: "doveadm: Raw backtrace: #0 x" },
    { level: "info", message: "something" },
  ]);
  assert.equal(why, "The server's last log line for it: Quota exceeded");
  assert.match(whyItMayHaveDied("copy", [{ level: "info", message: "x" }]), /a full quota/);
});
