import assert from "node:assert/strict";
import { test } from "node:test";
import {
  endError,
  exitCodeMeaning,
  type ExitStatus,
  ExtractorClientProtocol,
  ExtractorEndError,
  extractorExitCodes,
  SingleShotClientProtocol,
} from "../../../core/extractor/mod.ts";
import { RemoteProtocolError } from "../../../core/mod.ts";
import { bytes, code, events, frame, output, signal, thrown } from "./dialogue.ts";

/** Each way to end, and what its error message contains. */
const endings: readonly (readonly [ExitStatus, RegExp])[] = [
  [code(0), /exited with code 0 \(all went well\)/],
  [code(1), /exited with code 1 \(the user's name or the password is wrong\)/],
  [code(2), /exited with code 2 \(qmail-authuser was misused/],
  [code(3), /exited with code 3 \(the request failed\)/],
  [code(4), /exited with code 4 \(the request was wrong\)/],
  [code(5), /exited with code 5 \(the extractor couldn't become the user/],
  [code(6), /exited with code 6 \(the extractor doesn't support the operation\)/],
  [code(110), /exited with code 110 \(qmail-authuser couldn't do its work/],
  [code(111), /exited with code 111 \(qmail-authuser has temporary trouble/],
  [code(77), /exited with code 77 \(an unknown code\)/],
  [signal("SIGKILL"), /was ended by SIGKILL/],
];

function asked(...methods: string[]): ExtractorClientProtocol {
  const client = new ExtractorClientProtocol({ awaitsExit: true });
  for (const method of methods) client.send(method, bytes("x"));
  output(client);
  return client;
}

/** The error that a protocol throws, now and afterwards. */
function failure(client: ExtractorClientProtocol | SingleShotClientProtocol): ExtractorEndError {
  const error = thrown(() => events<unknown>(client));
  assert(error instanceof ExtractorEndError && error instanceof RemoteProtocolError, `${error}`);
  assert.equal(thrown(() => client.nextEvent()), error);
  return error;
}

test("exit codes › known and unknown codes › a meaning and a name", () => {
  const codes = Object.values(extractorExitCodes);
  assert.deepEqual(codes, [0, 1, 2, 3, 4, 5, 6, 110, 111]);
  assert.equal(new Set(codes.map(exitCodeMeaning)).size, codes.length);
  for (const unknown of [-1, 7, 77, 255, NaN]) {
    assert.equal(exitCodeMeaning(unknown), "an unknown code");
  }
});

for (const [exit, meaning] of endings) {
  const how = exit.code ?? exit.signal;

  test(`extractor client › an answer cut short, exit ${how} › ExtractorEndError`, () => {
    for (
      const part of [bytes(0), bytes(0, 0, 0), bytes(0, 0, 0, 9), bytes(0, 0, 0, 9, "12345678")]
    ) {
      const client = asked("auth", "list", "count");
      client.receive(frame(""));
      client.receive(part);
      client.receiveEnd();
      assert.deepEqual(events(client).map(({ type }) => type), ["response", "close-write"]);
      client.exited(exit);
      const error = failure(client);
      assert.equal(error.kind, "cut-short");
      assert.equal(error.exit, exit);
      assert.deepEqual(error.unanswered, [2, 3]);
      assert.match(error.message, meaning);
      assert.match(
        error.message,
        /answer to request 2 was cut short (in its length|after \d of its 9)/,
      );
    }
  });

  test(`extractor client › an exit between two answers, exit ${how} › ends with the unanswered requests`, () => {
    const client = asked("auth", "list");
    client.receive(frame(""));
    client.receiveEnd();
    client.exited(exit);
    const [, end] = events(client);
    assert(end.type === "end");
    assert.deepEqual(end, { type: "end", unanswered: [2], exit });
    const error = endError(end, { sent: true });
    assert.equal(error.kind, "exit");
    assert.equal(error.sent, true);
    assert.equal(error.exit, exit);
    assert.deepEqual(error.unanswered, [2]);
    assert.match(error.message, meaning);
    assert.match(error.message, /before it answered 1 request:/);
  });

  test(`extractor client › an exit with nothing unanswered, exit ${how} › ends`, () => {
    const client = asked("auth");
    client.receive(frame(""));
    client.close();
    client.receiveEnd();
    client.exited(exit);
    const end = events(client).at(-1);
    assert(end?.type === "end");
    assert.deepEqual(end, { type: "end", unanswered: [], exit });
    assert.match(endError(end).message, meaning);
    assert.match(endError(end).message, /with no request left to answer/);
  });

  test(`extractor client › bytes after the end, exit ${how} › ExtractorEndError`, () => {
    const client = asked("auth");
    client.close();
    client.receive(bytes(frame(""), "Out of"));
    assert.equal(events(client).length, 2);
    // None of these bytes are kept.
    for (let at = 0; at < 100; at++) client.receive(new Uint8Array(1_000_000));
    client.receiveEnd();
    assert.deepEqual(events(client), []);
    client.exited(exit);
    const error = failure(client);
    assert.equal(error.kind, "trailing-bytes");
    assert.equal(error.exit, exit);
    assert.match(error.message, meaning);
    assert.match(error.message, /"Out of"/);
  });

  for (const version of [1, 2] as const) {
    const isAnswering = [0, 3, 4, 6].includes(exit.code ?? -1);

    test(`single-shot client › version ${version}, an answer, exit ${how} › ${isAnswering ? "valid" : "cut short"}`, () => {
      const client = new SingleShotClientProtocol({ version, awaitsExit: true });
      client.receive(bytes("abc\ndef"));
      client.receiveEnd();
      client.exited(exit);
      if (isAnswering) {
        assert.deepEqual(
          events(client).map(({ type }) => type),
          ["close-write", "response", "end"],
        );
        return;
      }
      const error = failure(client);
      assert.equal(error.kind, "cut-short");
      assert.match(error.message, meaning);
      assert.deepEqual(error.unanswered, [1]);
    });

    test(`single-shot client › version ${version}, no answer, exit ${how} › end event`, () => {
      const client = new SingleShotClientProtocol({ version, awaitsExit: true });
      client.receiveEnd();
      client.exited(exit);
      const end = events(client).at(-1);
      assert(end?.type === "end");
      // An empty message is an answer of version 2; a line of version 1 is never empty.
      assert.deepEqual(end.unanswered, version === 2 && exit.code === 0 ? [] : [1]);
      assert.equal(end.exit, exit);
      assert.match(endError(end).message, meaning);
    });
  }
}

test("single-shot client › version 1, a line cut short, exit unknown › ExtractorEndError", () => {
  const client = new SingleShotClientProtocol({ version: 1 });
  client.receive(bytes('{"count"'));
  client.receiveEnd();
  const error = failure(client);
  assert.equal(error.kind, "cut-short");
  assert.match(error.message, /after 8 bytes: the extractor ended/);
});

test("extractor client › bytes without a request › error at once", () => {
  const client = asked();
  client.receive(bytes("Usage: …"));
  const error = failure(client);
  assert.equal(error.kind, "trailing-bytes");
  assert.equal(error.exit, undefined);
  assert.equal(client.isOpen, false);
  // Later input changes nothing, and throws nothing.
  client.receiveEnd();
  client.exited(code(2));
  assert.equal(thrown(() => client.nextEvent()), error);
});

test("extractor client › the length of an answer over the limit › error that names the limit", () => {
  const limits = { maxMessageSize: 10 };
  for (const size of [bytes(0, 0, 0, 11), bytes(255, 255, 255, 255)]) {
    const client = new ExtractorClientProtocol({ limits });
    client.send("raw", bytes(""));
    output(client);
    client.receive(size);
    const error = thrown(() => client.nextEvent());
    assert(error instanceof RemoteProtocolError && !(error instanceof ExtractorEndError));
    assert.equal(error.limit, "maxMessageSize");
    assert.match(error.message, /answer to request 1 .*"limits\.maxMessageSize"/);
    assert.deepEqual(error.unanswered, [1]);
  }
  const exact = new ExtractorClientProtocol({ limits });
  exact.send("raw", bytes(""));
  output(exact);
  exact.receive(frame("0123456789"));
  assert.equal(events(exact).length, 1);

  for (const version of [1, 2] as const) {
    const client = new SingleShotClientProtocol({ version, limits });
    client.receive(bytes("0123456\n89"));
    assert.equal(events(client).length, 1);
    client.receive(bytes("0"));
    const error = thrown(() => client.nextEvent());
    assert(error instanceof RemoteProtocolError);
    assert.equal(error.limit, "maxMessageSize");
  }
});
