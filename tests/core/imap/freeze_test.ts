/** A relay as bytes, and back. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ImapRelayProtocol } from "../../../core/imap/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";
import { after, before, bytesOf, commands, RelayTalk, textOf } from "./relay_talk.ts";

/** The bytes of a relay in whose middle something is everywhere. */
function frozenTalk(): Uint8Array {
  const talk = RelayTalk.in();
  talk.client('a ID ("name" "x")\r\nb SELECT INBOX\r\n');
  talk.server("a OK\r\nb OK\r\n");
  const { id } = talk.begin("c XWAIT one {3+}\r\ntwo\r\n");
  talk.pass(100);
  talk.relay.untagged(id, ["XWAIT ", Uint8Array.of(1, 2)]);
  talk.relay.client.receive(bytesOf("DO"));
  talk.relay.upstream.receive(bytesOf("* 1 FETCH (X {5}\r\nab"));
  talk.relay.upstream.nextEvent();
  return talk.relay.freeze();
}

test("a relay › before its login, and after its end › can't be frozen", () => {
  const talk = new RelayTalk({ leavesLogins: true });
  const check = (can: boolean) => {
    assert.equal(talk.relay.mayFreeze, can);
    if (can) talk.relay.freeze();
    else assert.throws(() => talk.relay.freeze(), LocalProtocolError);
  };
  check(false);
  talk.server(`* OK [CAPABILITY ${before}] ready.\r\n`);
  talk.client("a LOGIN alice secret\r\n");
  check(false);
  talk.server(`~1 OK [CAPABILITY ${after}] Logged in\r\n`);
  check(false);
  talk.act((relay) => relay.acceptLogin(1));
  check(true);
  talk.act((relay) => relay.close("Bye."));
  check(false);
});

test("a frozen relay › that says no password › has none in its bytes", () => {
  assert.doesNotMatch(textOf(frozenTalk()), /secret/);
});

test("a frozen relay › damaged, or of another form › is refused", () => {
  const frozen = frozenTalk();
  const options = { commands };
  ImapRelayProtocol.thaw(frozen, options);
  for (let size = 0; size < frozen.length; size++) {
    assert.throws(
      () => ImapRelayProtocol.thaw(frozen.subarray(0, size), options),
      LocalProtocolError,
    );
  }
  for (let at = 4; at < frozen.length; at++) {
    const spoilt = frozen.slice();
    spoilt[at] ^= 0x10;
    assert.throws(() => ImapRelayProtocol.thaw(spoilt, options), /damaged/);
  }
  const other = frozen.slice();
  other[3]++;
  assert.throws(() => ImapRelayProtocol.thaw(other, options), /form 5, .* reads the form 4/);
  assert.throws(() => ImapRelayProtocol.thaw("x" as unknown as Uint8Array), LocalProtocolError);
});

test("a frozen relay › whose command isn't there any more › is refused", () => {
  assert.throws(() => ImapRelayProtocol.thaw(frozenTalk(), {}), /XWAIT ran, which isn't among/);
});

test("a frozen relay › thawed with a clock shift that is none › is refused", () => {
  for (const clockShift of [NaN, Infinity, "1" as unknown as number]) {
    assert.throws(
      () => ImapRelayProtocol.thaw(frozenTalk(), { commands }, { clockShift }),
      LocalProtocolError,
    );
  }
});

test("a frozen relay › with input that waits › takes little more memory than that", () => {
  const talk = RelayTalk.in();
  talk.client("a IDLE\r\n");
  const { length } = talk.relay.freeze();
  assert(length < 1000, `${length} bytes`);
  talk.relay.client.receive(new Uint8Array(1_000_000).fill(0x78));
  assert(talk.relay.freeze().length < length + 1_000_020);
});

test("a frozen relay › in the same state › has the bytes of its form", () => {
  // If this fails, raise "frozenForm" of ImapRelayProtocol, and put the new bytes' sum here.
  const frozen = frozenTalk();
  assert.equal(textOf(frozen.subarray(0, 4)), "\0\0\0\x04");
  assert.equal(`${frozen.length} ${frozen.subarray(4, 8).join(" ")}`, "506 75 206 233 10");
});
