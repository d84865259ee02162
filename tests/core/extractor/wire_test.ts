import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ExtractorClientProtocol,
  ExtractorServerProtocol,
  SingleShotClientProtocol,
  SingleShotServerProtocol,
} from "../../../core/extractor/mod.ts";
import { encodeUtf8 } from "../../../core/mod.ts";
import { bytes, events, output, thrown } from "./dialogue.ts";

// Written by hand from README_IPC.md, without using the library.
const requests = Uint8Array.of(
  ...[0x00, 0x00, 0x00, 0x04, 0x61, 0x75, 0x74, 0x68], // "auth"
  ...[0x00, 0x00, 0x00, 0x00], // AuthRequest {}
  ...[0x00, 0x00, 0x00, 0x05, 0x63, 0x6f, 0x75, 0x6e, 0x74], // "count"
  ...[0x00, 0x00, 0x00, 0x06, 0x0a, 0x04, 0x53, 0x65, 0x6e, 0x74], // CountRequest { folder: "Sent" }
  ...[0x00, 0x00, 0x00, 0x09], // "read-mail"
  ...[0x72, 0x65, 0x61, 0x64, 0x2d, 0x6d, 0x61, 0x69, 0x6c],
  ...[0x00, 0x00, 0x00, 0x05, 0x0a, 0x01, 0x78, 0x10, 0x01], // ReadMailRequest { mid: "x", mark_seen }
);
const responses = Uint8Array.of(
  ...[0x00, 0x00, 0x00, 0x00], // AuthResponse {}
  ...[0x00, 0x00, 0x00, 0x07, 0x08, 0x03, 0x10, 0xac, 0x02, 0x18, 0x01], // { 3, 300, 1 }
  ...[0x00, 0x00, 0x00, 0x0d], // failure { code: "not-found" }
  ...[0x7a, 0x0b, 0x0a, 0x09, 0x6e, 0x6f, 0x74, 0x2d, 0x66, 0x6f, 0x75, 0x6e, 0x64],
);
const asked: readonly (readonly [string, Uint8Array])[] = [
  ["auth", Uint8Array.of()],
  ["count", Uint8Array.of(0x0a, 0x04, 0x53, 0x65, 0x6e, 0x74)],
  ["read-mail", Uint8Array.of(0x0a, 0x01, 0x78, 0x10, 0x01)],
];
const answered: readonly Uint8Array[] = [
  Uint8Array.of(),
  Uint8Array.of(0x08, 0x03, 0x10, 0xac, 0x02, 0x18, 0x01),
  Uint8Array.of(0x7a, 0x0b, 0x0a, 0x09, ...encodeUtf8("not-found")),
];

test("extractor client › version 3 › exact bytes written and read", () => {
  const client = new ExtractorClientProtocol();
  for (const [method, message] of asked) client.send(method, message);
  assert.deepEqual(output(client), requests);
  client.receive(responses);
  assert.deepEqual(
    events(client),
    answered.map((message, at) => ({ type: "response", id: at + 1, message })),
  );
  client.close();
  assert.deepEqual(events(client), [{ type: "close-write" }]);
  assert.equal(client.takeOutput(), undefined);
});

test("extractor server › version 3 › exact bytes read and written", () => {
  const server = new ExtractorServerProtocol();
  server.receive(requests);
  server.receiveEnd();
  asked.forEach(([method, message], at) => {
    assert.deepEqual(events(server), [{ type: "request", id: at + 1, method, message }]);
    server.respond(at + 1, answered[at]);
  });
  assert.deepEqual(output(server), responses);
  assert.deepEqual(events(server), [{ type: "end", exitCode: 0, unanswered: [] }]);
});

test("single-shot protocols › version 2 › a message each way, without framing", () => {
  const client = new SingleShotClientProtocol({ version: 2, input: asked[1][1] });
  assert.deepEqual(output(client), Uint8Array.of(0x0a, 0x04, 0x53, 0x65, 0x6e, 0x74));
  const server = new SingleShotServerProtocol({ version: 2 });
  server.receive(asked[1][1]);
  server.receiveEnd();
  assert.deepEqual(events(server), [{ type: "request", id: 1, message: asked[1][1] }]);
  server.respond(answered[1]);
  assert.deepEqual(output(server), Uint8Array.of(0x08, 0x03, 0x10, 0xac, 0x02, 0x18, 0x01));
});

test("single-shot protocols › version 1 › a line of JSON, then binary data", () => {
  const client = new SingleShotClientProtocol({ version: 1 });
  assert.equal(client.takeOutput(), undefined);
  const server = new SingleShotServerProtocol({ version: 1, takesInput: false });
  assert.deepEqual(events(server), [{ type: "request", id: 1, message: bytes("") }]);
  server.respond(bytes("[]"), bytes(0, 10, 255));
  assert.deepEqual(output(server), Uint8Array.of(0x5b, 0x5d, 0x0a, 0x00, 0x0a, 0xff));
});

test("extractor client › a method's name › only 1 to 64 printable ASCII characters", () => {
  for (const name of ["x", " ", "~", "a b", "x".repeat(64)]) {
    const client = new ExtractorClientProtocol();
    client.send(name, bytes(""));
    const server = new ExtractorServerProtocol();
    server.receive(output(client));
    const [event] = events(server);
    assert(event.type === "request" && event.method === name, name);
  }
  for (const name of ["", "\x7f", "\x1f", "a\0", "a\n", "é", "x".repeat(65)]) {
    const error = thrown(() => new ExtractorClientProtocol().send(name, bytes("")));
    assert((error as Error).message.includes(JSON.stringify(name)), String(error));
    const server = new ExtractorServerProtocol();
    const text = encodeUtf8(name);
    server.receive(bytes(0, 0, 0, text.length, text));
    assert.throws(() => server.nextEvent(), { name: "RemoteProtocolError" });
    assert.equal(server.exitCode, 4);
  }
});

test("extractor server › a broken request › earlier answers can still be written", () => {
  const server = new ExtractorServerProtocol();
  server.receive(bytes(requests.subarray(0, 12), 0, 0, 0, 1, 7));
  assert.equal(events(server).length, 1);
  server.respond(1, answered[0]);
  assert.throws(() => server.nextEvent(), /"\\x07" where a method's name should be/);
  assert.deepEqual(output(server), Uint8Array.of(0, 0, 0, 0));
});
