import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../../core/mod.ts";
import { toBytes } from "./recordings.ts";
import { hello, packet, session, Talk } from "./talk.ts";

test("doveadm server › OPTION in a version with and without log › turns on the log, or is a command", () => {
  const lines = "\t\tOPTION\nD\ta\tOPTION\tbogus\tlog-passthrough\r\n\t\twho\n";
  for (const minor of [0, 1, 2, 3, 4]) {
    const talk = session(minor);
    assert.deepEqual(talk.say(lines), ["1 who"]);
    talk.server.log("info", "x");
    assert.equal(talk.output !== "", minor > 0);
    const old = session(minor, { maxMinor: 2 });
    assert.deepEqual(old.say(lines), ["1 OPTION"]);
  }
  const unasked = session(3);
  assert.deepEqual(unasked.say("\t\tOPTION\tbogus\n\t\twho\n"), ["1 who"]);
  unasked.server.log("info", "x");
  assert.equal(unasked.output, "");
});

test("doveadm server › extra fields › accepted if the server speaks 1.3 or later", () => {
  for (const minor of [0, 2, 3, 4]) {
    const line = "x\tproxy-ttl=1\ta\twho\n";
    assert.deepEqual(session(minor).say(line), ["1 who"]);
    assert.deepEqual(session(minor, { maxMinor: 2 }).say(line), ["error []"]);
  }
});

test("doveadm server › several commands › one at a time, the next after the reply", () => {
  const talk = session();
  assert.deepEqual(talk.say("\t\ta\n\t\tb\r\n\t\tc"), ["1 a"]);
  assert.equal(talk.server.backlog, 8);
  assert.deepEqual(talk.words(), []);
  for (const id of [0, 2, 3, -1, NaN]) {
    assert.throws(() => talk.server.succeed(id), LocalProtocolError);
    assert.throws(() => talk.server.writeField(id, "x"), LocalProtocolError);
  }
  talk.server.succeed(1);
  assert.throws(() => talk.server.succeed(1), /was answered already/);
  assert.throws(() => talk.server.writeField(1, "x"), /was answered already/);
  assert.throws(() => talk.server.succeed(2), /doesn't run/);
  assert.deepEqual(talk.words(), ["2 b"]);
  talk.server.fail(2, "NOTFOUND");
  assert.deepEqual(talk.words(), []);
  assert.deepEqual(talk.say("\n"), ["3 c"]);
  assert.equal(talk.output, packet("\n+\n") + packet("\n-NOTFOUND\n"));
});

test("doveadm server › the client ends › complete commands are still answered", () => {
  const talk = session();
  assert.deepEqual(talk.say("\t\ta\n\t\tb\n\t\tc"), ["1 a"]);
  assert.deepEqual(talk.end(), []);
  assert.throws(() => talk.server.receive(toBytes("\n")), LocalProtocolError);
  talk.server.succeed(1);
  assert.deepEqual(talk.words(), ["2 b"]);
  assert.deepEqual(talk.words(), []);
  talk.server.succeed(2);
  assert.deepEqual(talk.words(), ["end []"]);
  assert.deepEqual(talk.words(), []);
  assert.equal(talk.output, packet("\n+\n").repeat(2));
});

test("doveadm server › an invalid line › earlier commands are answered, then the session ends", () => {
  for (const line of ["", "\talice", "garbage", "q\t\twho", "GET / HTTP/1.1"]) {
    const talk = session();
    assert.deepEqual(talk.say(`\t\ta\n${line}\n\t\tb\n`), ["1 a"]);
    talk.server.writeField(1, "x");
    talk.server.succeed(1);
    assert.deepEqual(talk.words(), ["error []"]);
    assert.equal(talk.output, packet("x\t\n+\n"));
    assert.deepEqual(talk.say("\t\tb\n"), ["error []"]);
    assert.equal(talk.server.backlog, 0);
    talk.server.log("error", "too late");
    talk.server.close();
    assert.deepEqual([...talk.words(), talk.output], ["error []", ""]);
  }
});

test("doveadm server › a line at its limit and above › accepted, and an error", () => {
  const line = `\t\twho\t${"x".repeat(100)}`;
  assert.deepEqual(session(2, { limits: { commandLine: line.length } }).say(`${line}\n`), [
    "1 who",
  ]);
  const short = session(2, { limits: { commandLine: line.length - 1 } });
  assert.deepEqual(short.say(line), ["error commandLine[]"]);
});

test("doveadm server › a command that isn't UTF-8 › fails, and the log has the reason", () => {
  const talk = session();
  assert.deepEqual(talk.say("\t\twho\t\xff\n\t\tsave\t\xe4\n\t\tstop\n.\n\t\twho\n"), ["3 who"]);
  const [first, second] = ["who", "save"].map((name) =>
    packet(`\x04"${name}" is invalid: a field of it isn't UTF-8.\n`, "L") +
    packet("\n-DATAERR\n")
  );
  assert.equal(talk.output, first + second);
  assert.throws(() => talk.server.succeed(2), LocalProtocolError);
});

test("doveadm server › many invalid commands from a client that doesn't read › an error at the backlog's limit", () => {
  const bad = "\t\twho\t\xff\n".repeat(100);
  const limits = { backlog: 10_000 };
  const patient = session(2, { limits });
  for (let at = 0; at < 10; at++) {
    assert.deepEqual(patient.say(bad), []);
    assert(patient.output.length > 5_000);
  }
  const impatient = session(2, { limits });
  assert.deepEqual(impatient.say(bad), []);
  assert.deepEqual(impatient.say(bad), ["error backlog[]"]);
});

test("doveadm server › a backlog above its limit › an error with the running command", () => {
  const talk = session(2, { limits: { backlog: 1000 } });
  assert.deepEqual(talk.say(`\t\ta\n${"\t\tb\n".repeat(250)}`), ["1 a"]);
  assert.equal(talk.server.backlog, 1000);
  assert.deepEqual(talk.say("\t"), ["error backlog[1]"]);
  // Nobody waits for the answer any more.
  talk.server.succeed(1);
  assert.equal(talk.output, "");
});

test("doveadm server › a command's input › arrives after it, without the line end before the dot", () => {
  const rows: readonly (readonly [wire: string, input: string])[] = [
    [".\n", ""],
    [".\r\n", ""],
    ["\r\n.\r\n", ""],
    ["\n\n.\n", "\n"],
    ["a\n.\n", "a"],
    ["a\r\n\r\n.\r\n", "a\r\n"],
    ["..\n..a\n...\n.\n", ".\n.a\n.."],
    [".undoubled\n.\n", "undoubled"],
    ["a.\nb\n.\n", "a.\nb"],
    ["\0\x01\t\xff\r.\r\n.\n", "\0\x01\t\xff\r."],
    ["\t\twho\nx\n.\n", "\t\twho\nx"],
  ];
  for (const [wire, input] of rows) {
    for (const name of ["save", "sieve put"]) {
      const talk = session();
      const words = [`1 ${name} <`, `1 ${JSON.stringify(input)}.`];
      assert.deepEqual(talk.say(`\ta\t${name}\tx\n${wire}\t\twho\n`), words, wire);
      assert.equal(talk.server.backlog, 6);
      talk.server.succeed(1);
      assert.deepEqual(talk.words(), ["2 who"]);
      assert.equal(talk.output, packet("\n+\n"));
    }
  }
});

test("doveadm server › input of a refused command that looks like commands › is never run", () => {
  const wires = [
    "\t\tstop\n.\n",
    "\t\tstop\n\t\tstop\nv\t\tstop\n..\n\t\tstop\r\n.\r\n",
    ".\n",
    "Subject: x\n\n\t\tstop\n.\n",
    "\n.\n",
  ];
  for (const wire of wires) {
    for (let cut = 0; cut < wire.length; cut++) {
      const talk = session();
      assert.deepEqual(talk.say(`\ta\tsave\t--bogus\n${wire.slice(0, cut)}`)[0], "1 save <");
      talk.server.fail(1, "USAGE");
      assert.deepEqual(talk.words(), []);
      assert.deepEqual(talk.say(`${wire.slice(cut)}\t\twho\n`), ["2 who"], wire);
      talk.server.succeed(2);
      assert.deepEqual(talk.end(), ["end []"]);
      assert.equal(talk.output, packet("\n-USAGE\n") + packet("\n+\n"));
    }
  }
});

test("doveadm server › the client ends before the dot › the input is reported as lost", () => {
  for (const wire of ["", "a", "a\n", "a\r\n.", "a\r\n.\r", ".", "a\n..\n"]) {
    const running = session();
    running.say(`\ta\tsave\n${wire}`);
    assert.deepEqual(running.end(), ["1 lost"]);
    assert.deepEqual(running.words(), []);
    running.server.fail(1, "TEMPFAIL");
    assert.deepEqual(running.words(), ["end []"]);
    assert.equal(running.output, packet("\n-TEMPFAIL\n"));
    const answered = session();
    answered.say(`\ta\tsave\n${wire}`);
    answered.server.fail(1, "NOUSER");
    assert.deepEqual(answered.end(), ["end []"]);
    assert.equal(answered.output, packet("\n-NOUSER\n"));
  }
});

test("doveadm server › takesInput › says which commands have input", () => {
  const takesInput = ({ name }: { name: string }) => name === "fs put";
  const talk = session(2, { takesInput });
  assert.deepEqual(talk.say("\t\tfs put\nx\n.\n"), ["1 fs put <", '1 "x".']);
  talk.server.succeed(1);
  assert.deepEqual(talk.say("\ta\tsave\n"), ["2 save"]);
});

test("doveadm server › close() › output can be taken, the running command is reported", () => {
  const rows: readonly (readonly [lines: string, words: string[]])[] = [
    ["", ["end []"]],
    [hello, ["end []"]],
    [`${hello}\t\ta\n\t\tb\n`, ["end [1]"]],
    [`${hello}\t\tsave\nx\n`, ["end [1]"]],
  ];
  for (const [lines, words] of rows) {
    const talk = new Talk();
    const isRunning = talk.say(lines).some((word) => word.startsWith("1 "));
    if (isRunning) talk.server.writeField(1, "x");
    talk.server.close();
    talk.server.close();
    assert.equal(talk.server.backlog, 0);
    assert.deepEqual(talk.words(), words);
    // Nobody waits for these any more.
    if (isRunning) talk.server.writeField(1, "y");
    if (isRunning) talk.server.succeed(1);
    assert.deepEqual(talk.say("\t\tc\n"), []);
    assert.deepEqual(talk.end(), []);
    const greeting = lines === "" ? "" : "VERSION\tdoveadm-client\t1\t4\n+\n";
    assert.equal(talk.output, greeting + (isRunning ? packet("x\t") : ""));
  }
});
