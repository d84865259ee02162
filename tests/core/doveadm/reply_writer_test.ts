import assert from "node:assert/strict";
import { test } from "node:test";
import { logLevels } from "../../../core/doveadm/mod.ts";
import { decodeUtf8, encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { takeApart, toBytes } from "./recordings.ts";
import { hello, packet, session, streamHeader, Talk } from "./talk.ts";

/** A server's output for a few commands, by protocol version. */
function replies(minor: number, asksForLog: boolean): string {
  const talk = session(minor);
  if (asksForLog) assert.deepEqual(talk.say("\t\tOPTION\tlog-passthrough\n"), []);
  const { server } = talk;
  assert.deepEqual(talk.say("\ta\tfetch\n\t\tuser\n\t\tx\n"), ["1 fetch"]);
  server.writeField(1, "a\tb");
  server.writeField(1, toBytes("\x03\xfe\0"));
  server.log("error", "No\nway.");
  server.writeField(1, toBytes("\x03"), { final: false });
  server.writeField(1, toBytes("\xfe"));
  server.fail(1, "REFERRAL", "a@b");
  assert.deepEqual(talk.words(), ["2 user"]);
  server.writeField(2, '{"a":1}', { final: false });
  server.succeed(2);
  assert.deepEqual(talk.words(), ["3 x"]);
  server.fail(3, "");
  assert.deepEqual(talk.end(), ["end []"]);
  return talk.output;
}

test("reply writer › replies in each version's format › the expected bytes", () => {
  const rows = "a\x01tb\t\x03\xfe\x010\t";
  const failure = "\n-REFERRAL a@b\n";
  const rest = `{"a":1}\n+\n`;
  const unknown = "\n-\n";
  assert.equal(replies(0, false), `${rows}\x03\xfe\t${failure}${rest}${unknown}`);
  assert.equal(replies(0, true), replies(0, false));
  const log = packet("\x04No\n\x04way.\n", "L");
  const asked = packet(rows) + log + packet(`\x03\xfe\t${failure}`) + packet(rest) +
    packet(unknown);
  for (const minor of [1, 2]) assert.equal(replies(minor, false), asked);
  for (const minor of [1, 2, 3]) assert.equal(replies(minor, true), asked);
  assert.equal(
    replies(3, false),
    packet(`${rows}\x03\xfe\t${failure}`) + packet(rest) + packet(unknown),
  );
  // A 03 fe of the data is 03 fe 01 fe.
  const streamed = "a\x01tb\t\x03\xfe\x01\xfe\x010\t";
  const second = `\x03\xfe\x01\xfe\t${failure}${rest}${unknown}`;
  assert.equal(replies(4, false), streamHeader + streamed + second);
  assert.equal(
    replies(4, true),
    `${streamHeader}${streamed}\x03\xfe\0L\x04No\n\x04way.\n\x03\xfe\0\0${second}`,
  );
});

test("reply writer › all bytes, as text and as bytes, in any pieces › are escaped correctly", () => {
  const bytes = String.fromCharCode(...Array(256).keys());
  const ascii = bytes.slice(0, 128);
  const escaped = `\x010\x011${bytes.slice(2)}`
    .replace("\t", "\x01t").replace("\n", "\x01n").replace("\r", "\x01r");
  for (const minor of [0, 2, 4]) {
    const talk = session(minor);
    talk.say("\t\twho\n");
    talk.server.writeField(1, toBytes(bytes));
    talk.server.writeField(1, ascii);
    for (const byte of bytes) talk.server.writeField(1, toBytes(byte), { final: false });
    talk.server.writeField(1, "");
    talk.server.writeField(1, "");
    talk.server.writeField(1, "ä\ud800");
    talk.server.succeed(1);
    const text = `${escaped.slice(0, -128)}\t`;
    assert.equal(
      mainOf(talk.output, minor),
      `${escaped}\t${text}${escaped}\t\tÃ¤ï¿½\t\n+\n`,
    );
  }
});

/** What is on the main channel of an output that begins after the handshake. */
function mainOf(output: string, minor: number): string {
  const version = minor === 0 ? "" : `VERSION\tdoveadm-client\t1\t${minor}\n`;
  return takeApart(`${version}+\n${output}`, minor)
    .filter(({ channel }) => channel === "main").map(({ byte }) => byte).join("");
}

test("reply writer › large values › are written at once, in packets of their own", () => {
  for (const minor of [0, 2, 4]) {
    const talk = session(minor);
    talk.say("\t\twho\n");
    const large = "x".repeat(20_000);
    let output = "";
    let expected = "";
    for (let at = 0; at < 5; at++) {
      talk.server.writeField(1, `${at}`);
      talk.server.writeField(1, toBytes(large));
      expected += `${at}\t${large}\t`;
      assert(talk.server.pendingOutput >= 20_000);
      output += talk.output;
      assert.equal(mainOf(output, minor), expected);
      assert.equal(talk.server.pendingOutput, 0);
    }
    // Thousands of small values are few packets.
    for (let at = 0; at < 5000; at++) talk.server.writeField(1, "1234567");
    const small = talk.output;
    assert(small.length <= 40_000 + 50, `${small.length} bytes for 40000`);
    assert.equal(mainOf(output + small, minor), expected + "1234567\t".repeat(5000));
  }
});

test("reply writer › log messages of each level › each line has the level's byte", () => {
  const talk = session();
  for (const level of logLevels) talk.server.log(level, "a\r\nb\n\nä");
  const lines = [1, 2, 3, 4, 5, 6].map((type) => String.fromCharCode(type))
    .map((type) => packet(`${type}a\n${type}b\n${type}\n${type}Ã¤\n`, "L"));
  assert.equal(talk.output, lines.join(""));
  assert.throws(() => talk.server.log("loud" as "info", "x"), LocalProtocolError);
});

test("reply writer › a log line that Dovecot's client wouldn't take › becomes several, of whole characters", () => {
  for (
    const message of [
      "x".repeat(8192 * 3),
      "😀".repeat(10_000),
      `a${"😀".repeat(10_000)}`,
      "€".repeat(8193),
    ]
  ) {
    const talk = session();
    talk.server.log("info", `${message}\nb`);
    // After the packet's head of 5 bytes.
    const lines = decodeUtf8(toBytes(talk.output).subarray(5)).split("\n");
    assert.equal(lines.pop(), "");
    assert.equal(lines.pop(), "\x02b");
    assert(lines.length > 1);
    for (const line of lines) assert(line.startsWith("\x02") && encodeUtf8(line).length < 32_768);
    assert.equal(lines.map((line) => line.slice(1)).join(""), message);
  }
});

test("reply writer › log messages during the handshake and after the end › aren't sent", () => {
  const talk = new Talk();
  talk.server.log("error", "too early");
  talk.server.probe();
  assert.deepEqual(talk.say(hello), ["ready 2 undefined"]);
  assert.equal(talk.output, "VERSION\tdoveadm-client\t1\t4\n+\n");
  talk.server.close();
  talk.server.log("error", "too late");
  talk.server.probe();
  assert.equal(talk.output, "");
});

test("reply writer › a probe › an empty log line, also if the log wasn't requested", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((minor) => {
      const talk = session(minor);
      talk.server.probe();
      return talk.output;
    }),
    ["", packet("\n", "L"), packet("\n", "L"), packet("\n", "L"), `${streamHeader}\x03\xfe\0L\n`],
  );
});
