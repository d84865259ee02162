import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import {
  DoveadmServerProtocol,
  type DoveadmServerProtocolOptions,
} from "../../../core/doveadm/mod.ts";
import { encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { toBytes } from "./recordings.ts";
import { hello, login, packet, plain, Talk } from "./talk.ts";

test("doveadm server › versions of both ends › the lower one counts, and ours is sent except to 1.0", () => {
  for (const maxMinor of [undefined, 0, 1, 2, 3, 4]) {
    for (const offered of [0, 1, 2, 3, 4, 99, 999999999]) {
      const talk = new Talk({ preauthenticated: true, maxMinor });
      const minor = Math.min(offered, maxMinor ?? 4);
      assert.deepEqual(talk.say(`VERSION\tdoveadm-server\t1\t${offered}\n`), [
        `ready ${minor} undefined`,
      ]);
      const named = minor > 0 ? `VERSION\tdoveadm-client\t1\t${maxMinor ?? 4}\n` : "";
      assert.equal(talk.output, `${named}+\n`);
    }
  }
});

test("doveadm server › an invalid version line › closed without an error", () => {
  const lines = [
    "",
    "VERSION",
    "VERSION\tdoveadm-server\t1",
    "VERSION\tdoveadm-server\t1\t",
    "VERSION\tdoveadm-server\t1\tx",
    "VERSION\tdoveadm-server\t1\t-1",
    "VERSION\tdoveadm-server\t1\t2\t",
    "VERSION\tdoveadm-server\t1\t2\r\r",
    "VERSION\tdoveadm-server\t1\t1000000000",
    "VERSION\tdoveadm-server\t0\t2",
    "VERSION\tdoveadm-server\t2\t0",
    "VERSION\tdoveadm-client\t1\t2",
    "version\tdoveadm-server\t1\t2",
    " VERSION\tdoveadm-server\t1\t2",
    "GET / HTTP/1.1",
    "STARTTLS",
    "\x16\x03\x01\x02\0\x01",
  ];
  for (const line of lines) {
    const talk = new Talk();
    assert.deepEqual(talk.say(`${line}\n\t\twho\n`), ["error []"], line);
    assert.equal(talk.output, "");
    assert.deepEqual(talk.say(hello), ["error []"]);
    assert.equal(talk.output, "");
  }
});

test("doveadm server › right and wrong passwords › only the exact one is accepted", () => {
  const unpadded = `PLAIN\t${btoa("\0doveadm\0s3cret!").replaceAll("=", "")}\n`;
  const rows: readonly (readonly [lines: string, isRight: boolean, password?: string])[] = [
    [login, true],
    [login.replace("\n", "\r\n"), true],
    [plain("\0doveadm\0s3cret\0behind"), true],
    [plain("\0doveadm\0p\xc3\xa4ss w\xc3\xb6rd"), true, "päss wörd"],
    [plain("\0doveadm\0"), false],
    [plain("\0doveadm"), false],
    [plain("\0doveadm\0s3cre"), false],
    [plain("\0doveadm\0s3crets"), false],
    [plain("\0doveadm\0S3CRET"), false],
    [plain("\0Doveadm\0s3cret"), false],
    [plain("\0\0s3cret"), false],
    [plain("x\0doveadm\0s3cret"), false],
    [plain("doveadm\0s3cret"), false],
    [plain("\0doveadm\0p\xe4ss"), false, "p\ufffdss"],
    [unpadded, false, "s3cret!"],
    [unpadded.replace("\n", "=\n"), false, "s3cret!"],
    [login.replace("\n", "\tx\n"), false],
    [login.replace("PLAIN", "LOGIN"), false],
    [login.replace("PLAIN", "plain"), false],
    [login.replace("PLAIN\t", "PLAIN"), false],
    ["PLAIN\n", false],
    ["PLAIN\t\n", false],
    ["PLAIN\t!!!!\n", false],
    ["PLAIN\tAA__\n", false],
    ["PLAIN\tAA-=\n", false],
    ["\n", false],
    ["\t\twho\n", false],
    ["STARTTLS\n", false],
  ];
  for (const [lines, isRight, password = "s3cret"] of rows) {
    for (const minor of [0, 2]) {
      const talk = new Talk({ password, maxMinor: 2 });
      assert.deepEqual(talk.say(`VERSION\tdoveadm-server\t1\t${minor}\n`), []);
      const named = minor > 0 ? "VERSION\tdoveadm-client\t1\t2\n" : "";
      assert.equal(talk.output, `${named}-\n`);
      const words = isRight ? [`ready ${minor} doveadm`] : ["refused", "end []"];
      assert.deepEqual(talk.say(lines), words, lines);
      assert.equal(talk.output, isRight ? "+\n" : "-\n");
      if (!isRight) assert.deepEqual(talk.say("\t\twho\n"), []);
      assert.equal(talk.output, "");
    }
  }
});

test("doveadm server › another username, and no password set › checked, and refused", () => {
  const named = new Talk({ username: "root", password: "s3cret" });
  assert.deepEqual(named.say(hello + plain("\0root\0s3cret")), ["ready 2 root"]);
  assert.deepEqual(new Talk({ username: "root", password: "s3cret" }).say(hello + login), [
    "refused",
    "end []",
  ]);
  for (const line of ["STARTTLS\n", login]) {
    const closed = new Talk({ starttls: "offered" });
    assert.deepEqual(closed.say(hello + line), ["refused", "end []"]);
    assert.equal(closed.output, "VERSION\tdoveadm-client\t1\t4\n-\n-\n");
  }
});

test("doveadm server › loginEvents › the caller gets the login and decides", () => {
  for (const [name, known] of [[undefined, "bob"], ["Robert", "Robert"]] as const) {
    const talk = new Talk({ loginEvents: true });
    assert.throws(() => talk.server.acceptLogin(), LocalProtocolError);
    assert.deepEqual(talk.say(`${hello}${plain("\0bob\0t\xc3\xa4nk")}\t\twho\n`), [
      "login bob tänk",
    ]);
    assert.deepEqual(talk.end(), []);
    assert.equal(talk.output, "VERSION\tdoveadm-client\t1\t4\n-\n");
    talk.server.acceptLogin(name);
    assert.throws(() => talk.server.refuseLogin(), LocalProtocolError);
    assert.deepEqual(talk.words(), [`ready 2 ${known}`, "1 who"]);
    talk.server.succeed(1);
    assert.deepEqual(talk.words(), ["end []"]);
    assert.equal(talk.output, `+\n${packet("\n+\n")}`);
  }
  const refused = new Talk({ loginEvents: true });
  refused.say(`${hello}${login}\t\twho\n`);
  refused.server.refuseLogin();
  assert.throws(() => refused.server.acceptLogin(), LocalProtocolError);
  assert.deepEqual(refused.words(), ["refused", "end []"]);
  assert.equal(refused.output, "VERSION\tdoveadm-client\t1\t4\n-\n-\n");
});

test("doveadm server › a refused login › the reason doesn't have the password", () => {
  const rows: readonly (readonly [line: string, reason: RegExp])[] = [
    [plain("\0doveadm\0wr0ng"), /password is wrong/],
    [plain("\0mallory\0wr0ng"), /"mallory"/],
    [plain("x\0doveadm\0wr0ng"), /authorisation identity/],
    ["PLAIN\twr0ng\n", /base64/],
    ["LOGIN\twr0ng\n", /PLAIN/],
    ["STARTTLS\n", /not offered/],
  ];
  for (const [line, reason] of rows) {
    const server = new DoveadmServerProtocol({ password: "s3cret" });
    server.receive(toBytes(hello + line));
    const event = server.nextEvent();
    assert(event?.type === "refused" && reason.test(event.reason), inspect(event));
    assert(!/wr0ng|s3cret/.test(inspect([event, server])));
  }
  const server = new DoveadmServerProtocol({ password: "s3cret" });
  server.receive(toBytes(`${hello}PLAIN\t${"wr0ng".repeat(2000)}`));
  assert.throws(() => server.nextEvent(), (error) => !/wr0ng/.test(`${error}`));
});

test("doveadm server › STARTTLS is offered › accepted once, before the login", () => {
  const options = { password: "s3cret", starttls: "offered" } as const;
  for (const minor of [0, 1, 2, 4]) {
    const talk = new Talk(options);
    assert.deepEqual(talk.say(`VERSION\tdoveadm-server\t1\t${minor}\nSTARTTLS\r\n`), ["start-tls"]);
    assert.match(talk.output, /^(VERSION\tdoveadm-client\t1\t4\n)?-\n$/);
    talk.server.tlsStarted();
    assert.throws(() => talk.server.tlsStarted(), LocalProtocolError);
    assert.deepEqual([talk.words(), talk.output], [[], ""]);
    assert.deepEqual(talk.say(login), [`ready ${minor} doveadm`]);
    assert.equal(talk.output, "+\n");
  }
  const twice = new Talk(options);
  twice.say(`${hello}STARTTLS\n`);
  twice.server.tlsStarted();
  assert.deepEqual(twice.say("STARTTLS\n"), ["refused", "end []"]);
  const open = new Talk({ ...options, starttls: undefined });
  assert.deepEqual(open.say(`${hello}STARTTLS\n${login}`), ["refused", "end []"]);
  const left = new Talk(options);
  left.say(`${hello}STARTTLS\n`);
  assert.deepEqual(left.end(), ["end []"]);
});

test("doveadm server › unencrypted bytes after STARTTLS › an error, and no login", () => {
  const options = { password: "s3cret", starttls: "offered" } as const;
  const early = new Talk(options);
  assert.deepEqual(early.say(`${hello}STARTTLS\n${login}`), ["start-tls", "error []"]);
  const late = new Talk(options);
  assert.deepEqual(late.say(`${hello}STARTTLS\n`), ["start-tls"]);
  late.server.receive(toBytes(login));
  late.server.tlsStarted();
  assert.deepEqual(late.words(), ["error []"]);
  for (const { output } of [early, late]) {
    assert.equal(output, "VERSION\tdoveadm-client\t1\t4\n-\n");
  }
});

test("doveadm server › the client ends during the handshake › ends without output", () => {
  const lines = ["", "VERSION\tdoveadm-server\t1", hello, `${hello}PLAIN\tAG`];
  for (const line of lines) {
    const talk = new Talk({ password: "s3cret" });
    assert.deepEqual(talk.say(line), []);
    void talk.output;
    assert.deepEqual(talk.end(), ["end []"]);
    assert.equal(talk.output, "");
    assert.deepEqual(talk.words(), []);
  }
});

test("doveadm server › invalid options › a LocalProtocolError", () => {
  const bad: DoveadmServerProtocolOptions[] = [
    { maxMinor: 5 },
    { maxMinor: -1 },
    { maxMinor: 1.5 },
    { password: "" },
    { password: "a\0b" },
    { username: "", password: "x" },
    { password: "x", loginEvents: true },
    { limits: { backlog: 0 } },
    { limits: { commandLine: NaN } },
  ];
  // Whatever the types say: a text "false" would let everybody in.
  const others: readonly unknown[] = [
    ...[null, "", { preauthenticated: "false" }, { preauthenticated: 1 }, { loginEvents: "no" }],
    ...[{ limits: 5 }, { limits: null }, { takesInput: true }],
  ];
  for (const options of [...bad, ...others as DoveadmServerProtocolOptions[]]) {
    assert.throws(() => new DoveadmServerProtocol(options), LocalProtocolError, inspect(options));
  }
});

test("doveadm server › the TLS handshake arrives with STARTTLS › takeUnread() returns it", () => {
  const protocol = new DoveadmServerProtocol({ password: "x", starttls: "offered" });
  assert.throws(() => protocol.takeUnread(), LocalProtocolError);
  protocol.receive(encodeUtf8("VERSION\tdoveadm-server\t1\t3\nSTARTTLS\n\x16\x03"));
  assert.deepEqual(protocol.nextEvent(), { type: "start-tls" });
  assert.deepEqual(protocol.takeUnread(), encodeUtf8("\x16\x03"));
  assert.deepEqual(protocol.takeUnread(), new Uint8Array(0));
  protocol.tlsStarted();
  protocol.receive(encodeUtf8(`PLAIN\t${btoa("\0doveadm\0x")}\n`));
  assert.equal(protocol.nextEvent()?.type, "ready");
});

test("doveadm server › STARTTLS is required, a client logs in without › refused", () => {
  const inClear = `PLAIN\t${btoa("\0doveadm\0x")}\n`;
  const protocol = new DoveadmServerProtocol({ password: "x", starttls: "required" });
  protocol.receive(encodeUtf8(`VERSION\tdoveadm-server\t1\t3\n${inClear}`));
  assert.deepEqual(protocol.nextEvent(), {
    type: "refused",
    reason: "it logged in without TLS, which is required",
  });
});
