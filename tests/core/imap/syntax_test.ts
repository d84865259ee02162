import assert from "node:assert/strict";
import { test } from "node:test";
import {
  astring,
  astringOf,
  capabilitiesIn,
  completeImapLimits,
  defaultImapLimits,
  isAtom,
  isNil,
  isTag,
  parseResponseText,
  quoted,
  rewriteCapabilities,
  rewriteCapabilityResponse,
} from "../../../core/imap/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";
import { fromLatin1, latin1 } from "./recordings.ts";

test("isTag, isAtom › characters › are those of RFC 9051", () => {
  for (const tag of ["a1", "A.b-c_d!#$&',/:;<=>?@[^`|}~", "a]b"]) assert(isTag(tag), tag);
  for (
    const tag of ["", "a+", "*", "a b", "a(", "a{", 'a"', "a\\", "a%", "\xe4", "\u0141", "a\0"]
  ) {
    assert(!isTag(tag), tag);
  }
  for (const atom of ["INBOX", "a+b", "[Gmail]/x".replace("]", "")]) assert(isAtom(atom), atom);
  for (const atom of ["", "a]", "a*", "a\u{1f600}", "a\r"]) assert(!isAtom(atom), atom);
});

test("astring › texts › are atoms, quoted or literals, as they can be", () => {
  const written = (text: string) => {
    const { type, bytes } = astring(text);
    return type === "text" ? latin1(bytes) : [latin1(bytes)];
  };
  assert.equal(written("alice"), "alice");
  assert.equal(written(""), '""');
  assert.equal(written("nil"), '"nil"');
  assert.equal(written('p a"s\\s'), '"p a\\"s\\\\s"');
  assert.equal(written("{5+}"), '"{5+}"');
  assert.equal(written("a\x01b"), '"a\x01b"');
  assert.deepEqual(written("\u00e4"), ["\xc3\xa4"]);
  assert.deepEqual(written("a\r\nb"), ["a\r\nb"]);
  assert.throws(() => astring("a\0b"), LocalProtocolError);
  assert.throws(() => astring("a\ud83d"), /half a surrogate pair/);
});

test("quoted › what only a literal can contain › is refused", () => {
  for (const text of ["\r", "\n", "\0", "\x80", "\u00e4"]) assert.equal(quoted(text), undefined);
  assert.equal(quoted("\x7f"), '"\x7f"');
});

test("astringOf, isNil › values › give their text", () => {
  const string = (text: string) =>
    ({ type: "string", bytes: fromLatin1(text), form: "quoted" }) as const;
  assert.equal(astringOf(string("\xc3\xa4")), "\u00e4");
  assert.equal(astringOf(string("\xff")), undefined);
  assert.equal(astringOf(undefined), undefined);
  assert.equal(isNil({ type: "atom", text: "nIl" }), true);
  assert.equal(isNil(string("NIL")), false);
  assert.equal(isNil({ type: "list", values: [] }), false);
});

test("completeImapLimits › limits › are checked and complete", () => {
  assert.deepEqual(completeImapLimits(), defaultImapLimits);
  assert.equal(completeImapLimits({ line: Infinity }).line, Infinity);
  assert.equal(completeImapLimits({ line: undefined }).line, defaultImapLimits.line);
  for (const line of [0, -1, NaN, "1" as unknown as number, null as unknown as number]) {
    assert.throws(() => completeImapLimits({ line }), LocalProtocolError);
  }
});

test("parseResponseText › texts with and without a code › are taken apart", () => {
  const parse = (text: string) => {
    const { code, text: rest } = parseResponseText(text);
    return [code?.name, code?.text, rest];
  };
  assert.deepEqual(parse("[uidnext 4] Next"), ["UIDNEXT", "4", "Next"]);
  assert.deepEqual(parse("[ALERT]"), ["ALERT", "", ""]);
  assert.deepEqual(parse("[ALERT]now"), ["ALERT", "", "now"]);
  assert.deepEqual(parse('[X ("a]b" 1)] t'), ["X", '("a]b" 1)', "t"]);
  assert.deepEqual(parse('[X a"b] t'), ["X", 'a"b', "t"]);
  assert.deepEqual(parse('[X "\\"]"] t'), ["X", '"\\"]"', "t"]);
  for (const text of ["", "Done", "[", "[]", "[ X] t", "[X", "x [Y] z", '["x"] y', "[(x)] y"]) {
    assert.deepEqual(parse(text), [undefined, undefined, text]);
  }
});

test("rewriteCapabilities › lists › lose and gain capabilities, each once", () => {
  assert.deepEqual(capabilitiesIn(" IMAP4rev1  IDLE "), ["IMAP4rev1", "IDLE"]);
  assert.deepEqual(
    rewriteCapabilities(["IMAP4rev1", "COMPRESS=DEFLATE", "idle"], {
      removes: (capability) => capability.startsWith("COMPRESS="),
      adds: ["IDLE", "XKEY", "xkey"],
    }),
    ["IMAP4rev1", "idle", "XKEY"],
  );
});

test("rewriteCapabilityResponse › lists in all places › are rewritten, and nothing else", () => {
  const rewrite = (line: string) =>
    latin1(rewriteCapabilityResponse(fromLatin1(line), {
      removes: (capability) => capability === "B",
      adds: ["X"],
    }));
  const lines: Readonly<Record<string, string>> = {
    "* CAPABILITY A B\r\n": "* CAPABILITY A X\r\n",
    "* capability B\n": "* capability X\n",
    "* CAPABILITY\r\n": "* CAPABILITY X\r\n",
    "* OK [CAPABILITY A B C] hi [CAPABILITY B]\r\n":
      "* OK [CAPABILITY A C X] hi [CAPABILITY B]\r\n",
    "* PREAUTH [capability B] \xe4\r\n": "* PREAUTH [capability X] \xe4\r\n",
    "t1 OK [CAPABILITY A] done\r\n": "t1 OK [CAPABILITY A X] done\r\n",
    "* CAPABILITY  A   X\r\n": "* CAPABILITY  A   X\r\n",
    "* OK hi [CAPABILITY B]\r\n": "* OK hi [CAPABILITY B]\r\n",
    "* OK [CAPABILITYX B]\r\n": "* OK [CAPABILITYX B]\r\n",
    "* CAPABILITYX B\r\n": "* CAPABILITYX B\r\n",
    "t1 OK [ALERT] B\r\n": "t1 OK [ALERT] B\r\n",
  };
  for (const [line, expected] of Object.entries(lines)) assert.equal(rewrite(line), expected);
});
