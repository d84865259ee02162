/** The calls of who owns a custom command: what they send, and what they refuse. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { imapString, type TaggedResult } from "../../../core/imap/mod.ts";
import { encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { Talk } from "./talk.ts";

const ok: TaggedResult = { status: "OK", text: "Done." };

test("untagged responses › strings from elsewhere › are in quotes, or literals, and never more than a string", () => {
  const cases = [
    ["alice", '"alice"'],
    ['a" (b) \\ {5}', '"a\\" (b) \\\\ {5}"'],
    ["a\r\nb OK", "{7}\r\na\r\nb OK"],
    ["K\u00e4se", "{5}\r\nK\u00e4se"],
    ["a\0b", "~{3}\r\na\0b"],
    ["", '""'],
  ];
  for (const [text, written] of cases) {
    const talk = Talk.in();
    talk.begin("a XWAIT\r\n");
    talk.server.untagged(1, ["XDATA ", imapString(text), " end"]);
    assert.equal(talk.heard(), `* XDATA ${written} end\r\n`);
    talk.server.untagged(1, ["XDATA ", imapString(text)]);
    assert.equal(talk.heard(), `* XDATA ${written}\r\n`);
  }
});

test("a text that begins with a bracket › as a continuation › is refused like a result's", () => {
  const { server } = Talk.in();
  server.receive(encodeUtf8("a XWAIT\r\n"));
  server.nextEvent();
  assert.throws(() => server.continue(1, "[ALERT] a"), /response code/);
  server.continue(1, "OK [ALERT]");
});

test("calls › invalid ones › throw and change nothing", () => {
  const talk = Talk.waiting();
  const { server } = talk;
  const mistakes: readonly (() => unknown)[] = [
    () => server.untagged(2, ["X"]),
    () => server.untagged(0, ["X"]),
    () => server.untagged(NaN, ["X"]),
    () => server.untagged(1, []),
    () => server.untagged(1, [""]),
    () => server.untagged(1, [" X"]),
    () => server.untagged(1, [encodeUtf8("X")]),
    () => server.untagged(1, ["X\r\nb OK"]),
    () => server.untagged(1, ["X", 1 as unknown as string]),
    () => server.untagged(1, ["X\0"]),
    () => server.untagged(1, ["XKEY {5}"]),
    () => server.untagged(1, ["X ", encodeUtf8("a"), " {5+}"]),
    () => server.untagged(1, ["X {5}", ""]),
    () => server.untagged(1, ["X ", { type: "string" } as unknown as string]),
    () => server.untagged(1, ["X ", { type: "atom", text: "a" } as unknown as string]),
    () => server.untagged(1, [imapString("X")]),
    () => server.untagged(1, ["X {", "5", "+}"]),
    () => server.untagged(1, ["X\r\n", encodeUtf8("a")]),
    () => server.untagged(1, "X" as unknown as string[]),
    () => server.untagged(1, undefined as unknown as string[]),
    () => server.continue(1, "again"),
    () => server.continue(1, "a\nb"),
    () => server.finish(2, ok),
    () => server.finish(1, { status: "BYE" as "OK", text: "x" }),
    () => server.finish(1, { status: "OK", text: "a\r\nb" }),
    () => server.finish(1, { status: "OK", text: "a {1}" }),
    () => server.finish(1, { status: "NO", text: "[ALERT] a" }),
    () => server.finish(1, undefined as unknown as TaggedResult),
    () => server.finish(1, null as unknown as TaggedResult),
    () => server.finish(1, "OK" as unknown as TaggedResult),
    () => server.finish(1, { status: "OK" } as TaggedResult),
    () => server.finish(1, { status: "OK", text: "x", code: "A] b" }),
    () => server.finish(1, { status: "OK", text: "x", code: "" }),
    () => server.cancel(1, "a\r\nb"),
    () => server.close("a\r\nb"),
    () => server.accept(1),
    () => server.literalGranted(),
    () => server.literalRefused(),
    () => server.readLine(),
    () => server.receive("x" as unknown as Uint8Array),
  ];
  for (const mistake of mistakes) assert.throws(mistake, LocalProtocolError, String(mistake));
  assert.equal(talk.heard(), "");
  server.finish(1, ok);
  assert.equal(talk.heard(), "a OK Done.\r\n");
  assert.throws(() => server.finish(1, ok), /was finished already/);
  assert.throws(() => server.untagged(1, ["X"]), /was finished already/);
  talk.begin("b XASK\r\n");
  assert.throws(() => server.continue(2), /isLongRunning/);
  talk.end();
  assert.throws(() => server.receive(new Uint8Array(1)), LocalProtocolError);
});
