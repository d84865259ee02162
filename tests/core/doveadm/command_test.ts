import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DoveadmClientProtocol,
  type DoveadmCommand,
  exitCode,
  tabUnescape,
} from "../../../core/doveadm/mod.ts";
import { decodeUtf8, encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";

/** What a client of an open session writes for a command. */
function lineOf(command: DoveadmCommand, minor = 3): string {
  const client = new DoveadmClientProtocol({ maxMinor: minor });
  client.takeOutput();
  client.receive(encodeUtf8(minor === 0 ? "+\n" : `VERSION\tdoveadm-client\t1\t${minor}\n+\n`));
  client.nextEvent();
  client.send(command);
  return decodeUtf8(client.takeOutput()!);
}

test("encodeCommand › user, name and arguments › the expected line", () => {
  assert.equal(lineOf({ name: "who" }), "\t\twho\n");
  assert.equal(
    lineOf({ name: "mailbox status", user: "alice", args: ["messages vsize", "IN BOX", ""] }),
    "\talice\tmailbox status\tmessages vsize\tIN BOX\t\n",
  );
  assert.equal(lineOf({ name: "who", verbosity: "verbose" }), "v\t\twho\n");
  assert.equal(lineOf({ name: "who", verbosity: "debug" }), "D\t\twho\n");
});

test("encodeCommand › TAB, LF, CR and \\x01 › are escaped", () => {
  const nasty = "a\tb\nc\rd\x01e\x02f ünï😀";
  const line = lineOf({ name: "mailbox create", user: nasty, args: [nasty, nasty] });
  assert.deepEqual(line.slice(0, -1).split("\t").map(tabUnescape), [
    "",
    nasty,
    "mailbox create",
    nasty,
    nasty,
  ]);
});

test("encodeCommand › extra fields › are escaped one by one and as a whole", () => {
  assert.equal(
    lineOf({ name: "who", verbosity: "verbose", extraFields: { "proxy-ttl": "5" } }),
    "vx\tproxy-ttl=5\t\twho\n",
  );
  assert.equal(
    lineOf({ name: "who", extraFields: { "proxy-ttl": "5", forward: ["a=\x01", "b"] } }),
    "x\tproxy-ttl=5\x01tforward=a=\x0111\x01tforward=b\t\twho\n",
  );
});

test("encodeCommand › invalid extra fields, or such that crash a server › a LocalProtocolError", () => {
  const bad: NonNullable<DoveadmCommand["extraFields"]>[] = [
    {},
    { forward: "a\tb" },
    { forward: ["a", "b\nc"] },
    { "a=b": "c" },
    { "": "c" },
    { forward: "\0" },
  ];
  for (const extraFields of bad) {
    assert.throws(() => lineOf({ name: "who", extraFields }), LocalProtocolError);
  }
  const client = new DoveadmClientProtocol();
  assert.throws(
    () => client.send({ name: "who", extraFields: { "proxy-ttl": "1" } }),
    /isn't "ready" yet/,
    "it isn't known yet whether the server takes them",
  );
});

test("send › values of another type than a command's › a LocalProtocolError, and nothing is sent", () => {
  const client = new DoveadmClientProtocol({ maxMinor: 3 });
  client.receive(encodeUtf8("VERSION\tdoveadm-client\t1\t3\n+\n"));
  client.nextEvent();
  client.takeOutput();
  const others = [null, 5, 5n, true, Symbol("5"), {}, () => {}];
  const wrong: readonly unknown[] = [
    ...[undefined, "who", ...others],
    ...["x", ...others].map((args) => ({ name: "who", args })),
    ...["x", [], new Map()].map((extraFields) => ({ name: "who", extraFields })),
    ...others.filter((it) => typeof it !== "object" || it === null)
      .map((extraFields) => ({ name: "who", extraFields })),
    ...others.map((forward) => ({ name: "who", extraFields: { forward } })),
    ...others.map((field) => ({ name: "who", extraFields: { forward: ["a", field] } })),
    ...["false", null, 1].map((input) => ({ name: "save", input })),
    ...["raw", null, 1].map((streamed) => ({ name: "who", streamed })),
  ];
  for (const command of wrong) {
    assert.throws(() => client.send(command as DoveadmCommand), LocalProtocolError);
  }
  assert.equal(client.takeOutput(), undefined);
  assert.equal(client.send({ name: "who" }), 1);
});

test("write, end and isSent › an id that is no number › a LocalProtocolError", () => {
  const client = new DoveadmClientProtocol();
  client.send({ name: "save", input: true });
  for (const id of [undefined, null, "1", 1n, Symbol("1"), Object.create(null)]) {
    assert.throws(() => client.write(id as number, new Uint8Array(1)), LocalProtocolError);
    assert.throws(() => client.end(id as number), LocalProtocolError);
    assert.throws(() => client.isSent(id as number), LocalProtocolError);
  }
});

test("DoveadmClientProtocol › options of another type › a LocalProtocolError", () => {
  for (const options of [null, "x", { limits: 5 }, { limits: null }, { logPassthrough: "no" }]) {
    assert.throws(() => new DoveadmClientProtocol(options as object), LocalProtocolError);
  }
});

test("encodeCommand › the longest line that a server reads, and one byte more › accepted, and refused", () => {
  const room = 1_048_576 - "\t\twho\t\n".length;
  assert.equal(lineOf({ name: "who", args: ["x".repeat(room)] }).length, 1_048_576);
  assert.throws(() => lineOf({ name: "who", args: ["x".repeat(room + 1)] }), LocalProtocolError);
});

test("exitCode › codes of replies › doveadm's exit codes", () => {
  assert.deepEqual(
    ["USAGE", "DATAERR", "NOUSER", "NOTFOUND", "TEMPFAIL", "PROTOCOL", "NOPERM"].map(exitCode),
    [64, 65, 67, 68, 75, 76, 77],
  );
  assert.deepEqual(["CHANGED", "REFERRAL", "EXPIRED"].map(exitCode), [2, 1002, 1003]);
  assert.deepEqual(["", "UNKNOWN", "WHAT", "toString"].map(exitCode), [-1, -1, -1, -1]);
});
