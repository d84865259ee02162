/** Which arguments of APPEND and REPLACE are right. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { AppendGrammar } from "../../../core/imap/append_grammar.ts";
import { bytesOf } from "./relay_talk.ts";

/** Whether a command is right; `{}` stands for a literal. */
function isRight(command: string): boolean {
  const [first, ...rest] = command.split("{}");
  const name = /^a (\S+)/.exec(command)![1].toUpperCase();
  const grammar = AppendGrammar.of(name, bytesOf(first));
  assert(grammar !== undefined);
  grammar.line(bytesOf(first));
  for (const line of rest) {
    if (!grammar.literal()) return false;
    grammar.line(bytesOf(line));
  }
  return grammar.isComplete;
}

test("APPEND and REPLACE › right arguments › are known as such", () => {
  for (
    const command of [
      "a APPEND INBOX {}\r\n",
      'a append "a (b" {}\r\n',
      "a APPEND {} {}\r\n",
      "a APPEND INBOX (\\Seen $Forwarded) {}\r\n",
      "a APPEND INBOX () {}\r\n",
      'a APPEND INBOX " 1-Jan-2020 00:00:00 +0000" {}\r\n',
      'a APPEND INBOX (\\Seen)  "x" {}\r\n',
      'a APPEND INBOX {} (\\Seen) {} "x" {} {}\r\n',
      "a APPEND INBOX CATENATE (URL x)\r\n",
      "a APPEND INBOX (\\Seen) catenate (url {} TEXT {} text {})\r\n",
      'a APPEND INBOX CATENATE (TEXT {} URL "x") (\\Seen) {}\r\n',
      "a APPEND CATENATE CATENATE (URL CATENATE)\r\n",
      'a REPLACE 4 INBOX (\\Seen) "x" {}\r\n',
      "a UID  REPLACE 4 {} CATENATE (TEXT {})\r\n",
    ]
  ) {
    assert(isRight(command), command);
  }
});

test("APPEND and REPLACE › wrong arguments › are known as such", () => {
  for (
    const command of [
      "a APPEND\r\n",
      "a APPEND INBOX\r\n",
      "a APPEND {}\r\n",
      "a APPEND (INBOX) {}\r\n",
      "a APPEND INBOX x {}\r\n",
      "a APPEND INBOX NIL {}\r\n",
      "a APPEND INBOX (\\Seen)\r\n",
      "a APPEND INBOX (\\Seen) (\\Seen) {}\r\n",
      'a APPEND INBOX ("x") {}\r\n',
      "a APPEND INBOX ({}) {}\r\n",
      "a APPEND INBOX (x (y)) {}\r\n",
      'a APPEND INBOX "x" (\\Seen) {}\r\n',
      'a APPEND INBOX "x" "y" {}\r\n',
      "a APPEND INBOX UTF8 ({})\r\n",
      "a APPEND INBOX {} x\r\n",
      "a APPEND INBOX {} (\\Seen)\r\n",
      "a APPEND INBOX {} x {}\r\n",
      "a APPEND INBOX CATENATE\r\n",
      "a APPEND INBOX CATENATE {}\r\n",
      "a APPEND INBOX CATENATE ()\r\n",
      "a APPEND INBOX CATENATE () {}\r\n",
      "a APPEND INBOX CATENATE (x {})\r\n",
      "a APPEND INBOX CATENATE (URL)\r\n",
      "a APPEND INBOX CATENATE (TEXT)\r\n",
      'a APPEND INBOX CATENATE (TEXT "x")\r\n',
      "a APPEND INBOX CATENATE (TEXT {} {})\r\n",
      "a APPEND INBOX CATENATE ((URL x))\r\n",
      "a APPEND INBOX CATENATE (URL (x))\r\n",
      "a REPLACE 4 INBOX x {}\r\n",
      "a REPLACE 4 INBOX {} {}\r\n",
      "a REPLACE {}\r\n",
      "a UID REPLACE 4 INBOX\r\n",
    ]
  ) {
    assert(!isRight(command), command);
  }
});

test("APPEND and REPLACE › other commands › have no such grammar", () => {
  for (const [name, line] of [["LIST", "a LIST x {"], ["UID", "a UID FETCH 1 REPLACE "]]) {
    assert.equal(AppendGrammar.of(name, bytesOf(line)), undefined);
  }
});
