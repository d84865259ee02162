/** A relay whose server answers a command in place of its literal, and may not read the next line as a command. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { after, relayed, RelayTalk } from "./relay_talk.ts";

/** A relay whose server has answered so, and was asked whether it reads commands again. */
function asking(...next: readonly string[]): RelayTalk {
  const talk = RelayTalk.in();
  talk.client(`a SETMETADATA x (/a b {3+}\r\nabc)\r\n${next.join("")}`);
  assert.equal(talk.got(), "a SETMETADATA x (/a b {3}\r\n");
  assert.equal(talk.server("a BAD x\r\n"), "a BAD x\r\n");
  assert.equal(talk.got(), "~2 CAPABILITY\r\n~3 CAPABILITY\r\n");
  return talk;
}

test("a literal › refused by a server that skips the next line › loses no command of the client's", () => {
  const talk = asking("b APPEND x {2+}\r\nhi\r\n");
  assert.equal(talk.server(`* 1 EXISTS\r\n* CAPABILITY ${after}\r\n`), "* 1 EXISTS\r\n");
  assert.equal(talk.got(), "");
  talk.server("~3 OK\r\n");
  assert.equal(talk.got(), "b APPEND x {2}\r\n");
});

test("a literal › refused by a server that asks for it after all › is taken for no other one", () => {
  const talk = asking("b APPEND x {12+}\r\nz COMPRESS x\r\n\r\n");
  assert.match(talk.server("+ OK\r\n"), /^\* BYE \[UNAVAILABLE\]/);
  assert.match(talk.failure!.message, /asked to go on/);
  assert.equal(talk.got(), "");
});

test("a literal › refused by the server › a custom command waits as well", () => {
  const talk = asking("b XWAIT\r\n");
  assert.deepEqual(talk.told(), []);
  talk.server("~2 OK\r\n");
  assert.deepEqual(talk.told(), []);
  talk.server("~3 OK\r\n");
  assert.deepEqual(talk.told(), ["command"]);
  assert.equal(talk.got(), "~4 IDLE\r\n");
});

test("a literal › refused while the client awaits capabilities › it gets them", () => {
  const talk = RelayTalk.in();
  talk.client("a CAPABILITY\r\nb SETMETADATA x (/a {1}\r\n");
  talk.server("b NO x\r\n");
  const listed = `* CAPABILITY ${relayed}\r\n`;
  assert.equal(talk.server(`* CAPABILITY ${after}\r\na OK x\r\n`), `${listed}a OK x\r\n`);
  assert.equal(talk.server(`* CAPABILITY ${after}\r\n~2 OK x\r\n`), "");
});

test("a literal › of a command after which servers may skip a line, or of another › they are asked, or not", () => {
  const asked = ["SETMETADATA x (/a {2}", "FILTER SIEVE SCRIPT {2}", "UID FILTER SIEVE SCRIPT {2}"]
    .concat("APPEND x CATENATE (URL {2}", "REPLACE 1 x CATENATE (URL {2}");
  for (const command of [...asked, "APPEND x {2}", "CREATE {2}", "SEARCH SUBJECT {2}"]) {
    const talk = RelayTalk.in();
    talk.client(`a ${command}\r\n`);
    assert.equal(talk.got(), `a ${command}\r\n`);
    talk.server("a NO x\r\n");
    talk.client("b NOOP\r\n");
    const wanted = asked.includes(command) ? "~2 CAPABILITY\r\n~3 CAPABILITY\r\n" : "b NOOP\r\n";
    assert.equal(talk.got(), wanted, command);
  }
});
