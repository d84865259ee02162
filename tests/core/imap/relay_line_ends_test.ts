/** Strings with line ends, which a relay keeps from a server that would repeat them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RelayTalk } from "./relay_talk.ts";

test("a string › with a line end › goes up without it, in a wrong command", () => {
  const cases = [
    ["SORT ({7+}\r\nx\r\n+ go) UTF-8 ALL", "SORT ({7}\r\n", "x  + go )(\r\n"],
    ["UID SEARCH {7+}\r\nx\r\n+ go", "UID SEARCH {7}\r\n", "x  + go )(\r\n"],
    ["SELECT {4+}\r\nx\n\ry {2+}\r\nhi", "SELECT {4}\r\n", "x  y )(\r\n"],
    ["APPEND {3+}\r\nx\ny {2+}\r\nhi", "APPEND {3}\r\n", "x y x\r\n"],
    ["APPEND x CATENATE (URL {3+}\r\nx\ry)", "APPEND x CATENATE (URL {3}\r\n", "x y) x\r\n"],
    ["REPLACE {3+}\r\n1\n2 x {2+}\r\nhi", "REPLACE {3}\r\n", "1 2 x\r\n"],
    ["SETMETADATA {3+}\r\nx\ny (/a b)", "SETMETADATA {3}\r\n", "x y )(\r\n"],
    ["SETMETADATA x ({3+}\r\nx\ny b)", "SETMETADATA x ({3}\r\n", "x y )(\r\n"],
    ["SETMETADATA x (/a b {3+}\r\nx\ny c)", "SETMETADATA x (/a b {3}\r\n", "x y )(\r\n"],
    ['SETMETADATA x (/a "b c" {1+}\r\n\n d)', 'SETMETADATA x (/a "b c" {1}\r\n', "  )(\r\n"],
    ["FILTER SIEVE PERSONAL {3+}\r\nx\ny ALL", "FILTER SIEVE PERSONAL {3}\r\n", "x y )(\r\n"],
    ["SEARCH FILTER SIEVE SCRIPT {1+}\r\n\n", "SEARCH FILTER SIEVE SCRIPT {1}\r\n", "  )(\r\n"],
  ];
  for (const [command, first, rest] of cases) {
    for (const isSlow of [false, true]) {
      const talk = RelayTalk.in();
      for (const part of isSlow ? `a ${command}\r\nb NOOP\r\n` : [`a ${command}\r\nb NOOP\r\n`]) {
        talk.client(part);
      }
      assert.equal(talk.got(), `a ${first}`);
      talk.server("+ OK\r\n");
      assert.equal(talk.got(), `${rest}b NOOP\r\n`);
      assert.equal(talk.server("a BAD x\r\nb OK x\r\n"), "a BAD x\r\nb OK x\r\n");
    }
  }
});

test("a string › with a line end, after a text of several lines › goes up without it, in a wrong command", () => {
  for (
    const [before, between] of [
      ["FILTER SIEVE SCRIPT ", " "],
      ["SETMETADATA x (/a ", " "],
      ["SETMETADATA x (/a ", " /b c "],
      ["SETMETADATA x (/a ", ") "],
    ]
  ) {
    const talk = RelayTalk.in();
    talk.client(`a ${before}{3+}\r\n1\n2${between}{3+}\r\nx\ny\r\n`);
    talk.server("+ OK\r\n");
    assert.equal(talk.got(), `a ${before}{3}\r\n1\n2${between}{3}\r\n`);
    talk.server("+ OK\r\n");
    assert.equal(talk.got(), "x y )(\r\n");
  }
});

test("a text of several lines › in a message, metadata or a script › goes up as it is", () => {
  for (
    const [before, after] of [
      ["APPEND x ", ""],
      ["APPEND x CATENATE (TEXT ", ")"],
      ["REPLACE 1 x ", ""],
      ["UID REPLACE 1 x ", ""],
      ["SETMETADATA x (/private/comment ", ")"],
      ['SETMETADATA "a \\"b" (/a "b c" /private/comment ', " /c d)"],
      ["FILTER SIEVE SCRIPT ", " ALL"],
      ["UID FILTER SIEVE SCRIPT ", " ALL"],
    ]
  ) {
    const talk = RelayTalk.in();
    talk.client(`a ${before}{4+}\r\nx\r\ny${after}\r\n`);
    talk.server("+ OK\r\n");
    assert.equal(talk.got(), `a ${before}{4}\r\nx\r\ny${after}\r\n`);
  }
});

test("ID › of a client that is logged in › goes up, and the session has it", () => {
  const talk = RelayTalk.in();
  talk.client('a ID ("name" "x" "os" NIL)\r\nb ID (x)\r\nc ID ("a\r\n');
  assert.equal(talk.got(), 'a ID ("name" "x" "os" NIL)\r\nb ID (x)\r\n');
  assert.deepEqual(talk.relay.session.clientId, new Map([["x", undefined]]));
  talk.client("d ID ((x))\r\n");
  assert.deepEqual(talk.relay.session.clientId, new Map([["x", undefined]]));
  talk.client('e ID ("name" {1+}\r\n');
  talk.server("a OK\r\nb OK\r\nd BAD x\r\n+ OK\r\n");
  talk.client("y)\r\n");
  assert.deepEqual(talk.relay.session.clientId, new Map([["name", "y"]]));
  talk.client("f ID NIL\r\n");
  assert.equal(talk.relay.session.clientId, undefined);
});
