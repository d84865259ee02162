import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeEncodedWords } from "../../../testing/dovecot_message/encoded_words.ts";
import { cpuTimeOf } from "../../harness/cpu_time.ts";

test("encoded words › invalid UTF-8 on both sides of a border › is one U+FFFD", () => {
  for (
    const [value, text] of [
      ["=?utf-8?q?a=FF?= =?utf-8?q?=FFb?=", "a\ufffdb"],
      ["=?utf-8?q?=FF?= =?utf-8?q??= =?utf-8?q?=FF?=", "\ufffd"],
      ["=?utf-8?q?=FF?= =?utf-8?q?=EF=BF=BD?=", "\ufffd\ufffd"],
      ["=?latin1?q?=E4?= =?utf-8?q?=FF?=", "ä\ufffd"],
    ]
  ) {
    assert.equal(decodeEncodedWords(value), text, value);
  }
});

test("encoded words › fifty thousand beginnings without an end › are read in linear time", () => {
  const beginnings = "=?utf-8?q?".repeat(50_000);
  const time = cpuTimeOf(() => assert.equal(decodeEncodedWords(beginnings), beginnings));
  // In quadratic time it takes ten seconds.
  assert(time < 2000, `${time} ms`);
});
