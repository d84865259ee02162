import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeEscapes } from "../../core/escapes.ts";

test("decodeEscapes › escapes of JSON, URLs and HTML › the characters that they stand for", () => {
  const cases: readonly [text: string, decoded: string][] = [
    ["", ""],
    ["\\u0041\\x42\\/\\\\\\\"\\'", "AB/\\\"'"],
    ["\\n\\t\\r\\b\\f", "\n\t\r\b\f"],
    ["\\ud83d\\ude00", "😀"],
    ["%41%C3%bc%20%E2%82%AC", "Aü €"],
    ["%fc%", "\ufffd%"],
    ["&#65;&#x42;&amp;&lt;&gt;&quot;&apos;&#128512;", "AB&<>\"'😀"],
    ["&#1114111;", "\u{10ffff}"],
  ];
  for (const [text, decoded] of cases) assert.equal(decodeEscapes(text), decoded);
});

test("decodeEscapes › what is no escape › stays", () => {
  for (const text of ["\\q", "\\u12", "\\x4", "%4", "%zz", "&nope;", "&#;", "&#1114112;", "&#x;"]) {
    assert.equal(decodeEscapes(text), text);
  }
  assert.equal(decodeEscapes("\\u0041\\"), "A\\");
});

test("decodeEscapes › escapes of escapes › one layer at a time", () => {
  assert.equal(decodeEscapes("\\\\u0041 %2541 &amp;#65;"), "\\u0041 %41 &#65;");
});
