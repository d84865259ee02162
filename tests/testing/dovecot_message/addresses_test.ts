import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseAddresses,
  parseEnvelopeAddresses,
} from "../../../testing/dovecot_message/addresses.ts";

test("addresses › valid and broken ones › parsed as in Dovecot", () => {
  for (
    const [value, ...expected] of [
      [""],
      ["(nobody)"],
      ["a@b", "|a|b"],
      ["A B <a@b>", "A B|a|b"],
      ['"A, B" C <a@b>', "A, B C|a|b"],
      ['"q \\"s\\""@b', '|q "s"|b'],
      ["<a@b>, c@d (Name),", "|a|b", "Name|c|d"],
      ["a.b..c@d . e", "|a.b..c|d.e"],
      ["a@[192.0.2.1]", "|a|[192.0.2.1]"],
      ["A\r\n <a@b>", "A|a|b"],
      ["G: a@b, C <c@d>; e@f", "|G|", "|a|b", "C|c|d", "||"],
      ["G:;, a@b", "|G|", "||", "|a|b"],
      ["<@r,@s:a@b>", "|a|b"],
      ["\xe4 <\xe4@b>", "\xe4|\xe4|b"],
      ["a b c@d", "a b c||"],
      ["a@b c@d", "|a|b"],
      ["bare", "|bare|"],
      ["a@b, <a b@c>, e@f", "|a|b", "|a|"],
      ["a@b, (open", "|a|b", "||"],
      ['"open <a@b>', "||"],
    ]
  ) {
    const addresses = parseAddresses(value).map(({ name = "", mailbox = "", domain = "" }) => {
      return `${name}|${mailbox}|${domain}`;
    });
    assert.deepEqual(addresses, expected, value);
  }
});

test("addresses › incomplete ones in an envelope › MISSING_MAILBOX, MISSING_DOMAIN", () => {
  for (
    const [value, expected] of [
      ["bare", { mailbox: "bare", domain: "MISSING_DOMAIN" }],
      ["a b", { name: "a b", mailbox: "MISSING_MAILBOX", domain: "MISSING_DOMAIN" }],
      ["A <a@b", { name: "A", mailbox: "a", domain: "SYNTAX_ERROR" }],
      ["<>", { mailbox: "MISSING_MAILBOX", domain: "MISSING_DOMAIN" }],
      ["<@r>", { route: "INVALID_ROUTE", mailbox: "MISSING_MAILBOX", domain: "MISSING_DOMAIN" }],
      ["<@r,@s:a@b>", { route: "@r,@s", mailbox: "a", domain: "b" }],
      ["G:", { mailbox: "G" }],
    ] as const
  ) {
    assert.deepEqual(parseEnvelopeAddresses(value)[0], expected, value);
  }
});
