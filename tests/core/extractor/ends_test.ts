import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ExtractorClientEvent,
  ExtractorClientProtocol,
  ExtractorServerProtocol,
  SingleShotClientProtocol,
  SingleShotServerProtocol,
  type SingleShotVersion,
} from "../../../core/extractor/mod.ts";
import { concat } from "../../../core/mod.ts";
import { bytes, events, output, signal } from "./dialogue.ts";

const method = fc.stringMatching(/^[ -~]{1,64}$/);
const message = fc.uint8Array({ maxLength: 2000 });
const exchange = fc.record({ method, request: message, response: message });

/** A fake extractor's answer to a request. */
function serve(server: ExtractorServerProtocol, answers: readonly Uint8Array[]): Uint8Array {
  for (let event; (event = server.nextEvent()) !== undefined;) {
    if (event.type === "request") server.respond(event.id, answers[event.id - 1]);
  }
  return output(server);
}

test("both ends › version 3, pipelined in any pieces › all answered in order", () => {
  const exchanges = fc.array(exchange, { maxLength: 20 });
  const burst = fc.infiniteStream(fc.integer({ min: 1, max: 5 }));
  fc.assert(
    fc.property(exchanges, burst, (all, bursts) => {
      const client = new ExtractorClientProtocol({ awaitsExit: true });
      const server = new ExtractorServerProtocol();
      const heard: ExtractorClientEvent[] = [];
      const answers = all.map(({ response }) => response);
      for (let at = 0; at < all.length;) {
        const size: number = bursts.next().value;
        for (const { method, request } of all.slice(at, at + size)) client.send(method, request);
        at += size;
        server.receive(output(client));
        client.receive(serve(server, answers));
        heard.push(...events(client));
      }
      assert.deepEqual(
        heard,
        answers.map((message, at) => ({ type: "response", id: at + 1, message })),
      );
      client.close();
      assert.deepEqual(events(client), [{ type: "close-write" }]);
      server.receiveEnd();
      const [end] = events(server);
      assert(end.type === "end" && end.exitCode === 0);
      client.receiveEnd();
      assert.equal(client.nextEvent(), undefined);
      const exit = { code: end.exitCode, signal: undefined };
      client.exited(exit);
      assert.deepEqual(events(client), [{ type: "end", unanswered: [], exit }]);
    }),
    { seed: 1 },
  );
});

test("both ends › version 3, large messages both ways › unchanged", () => {
  const large = Uint8Array.from({ length: 3_000_000 }, (_, at) => at % 251);
  const client = new ExtractorClientProtocol();
  const server = new ExtractorServerProtocol();
  for (let i = 0; i < 3; i++) client.send("add", large);
  for (let chunk; (chunk = client.takeOutput()) !== undefined;) {
    for (let at = 0; at < chunk.length; at += 65_536) server.receive(chunk.slice(at, at + 65_536));
  }
  for (let id = 1; id <= 3; id++) {
    const event = server.nextEvent();
    assert(event?.type === "request");
    assert.deepEqual(event.message, large);
    server.respond(id, large);
  }
  for (let chunk; (chunk = server.takeOutput()) !== undefined;) client.receive(chunk);
  for (const event of events(client)) {
    assert(event.type === "response");
    assert.deepEqual(event.message, large);
  }
  assert.deepEqual(client.unanswered, []);
});

test("both ends › version 2 › request and answer unchanged", () => {
  fc.assert(
    fc.property(message, message, (request, response) => {
      const { client, exitCode } = once(2, request, (server) => server.respond(response));
      assert.equal(exitCode, 0);
      assert.deepEqual(events(client), [
        { type: "response", id: 1, message: response },
        { type: "end", unanswered: [], exit: { code: 0, signal: undefined } },
      ]);
    }),
    { seed: 1 },
  );
});

test("both ends › version 1 › input and answer unchanged", () => {
  fc.assert(
    fc.property(message, fc.json(), message, (request, json, binary) => {
      const header = bytes(json);
      const { client } = once(1, request, (server) => server.respond(header, binary));
      assert.deepEqual(events(client), [
        { type: "response", id: 1, header, binary },
        { type: "end", unanswered: [], exit: { code: 0, signal: undefined } },
      ]);
    }),
    { seed: 1 },
  );
});

test("both ends › versions 1 and 2, a failure › an exit code and an answer", () => {
  for (const version of [1, 2] as const) {
    for (const code of [3, 4, 6]) {
      const { client, exitCode } = once(version, bytes("?"), (server) => {
        server.respond(bytes('{"error":"x"}'));
        server.exit(code);
      });
      assert.equal(exitCode, code);
      const [answer, end] = events(client);
      assert.equal(answer.type, "response");
      assert.deepEqual(end, { type: "end", unanswered: [], exit: { code, signal: undefined } });
    }
  }
});

test("single-shot client › version 1, JSON without a line feed › an answer", () => {
  const client = new SingleShotClientProtocol({ version: 1, awaitsExit: true });
  client.receive(bytes('{"count":3}'));
  client.receiveEnd();
  client.exited({ code: 0, signal: undefined });
  const answer = events(client)[1];
  assert(answer.type === "response" && "header" in answer);
  assert.deepEqual(answer.header, bytes('{"count":3}'));
  assert.deepEqual(answer.binary, bytes(""));
});

test("extractor client › a request that has begun to leave › sent, and can be answered", () => {
  const client = new ExtractorClientProtocol();
  client.send("auth", bytes(""));
  client.takeOutput();
  client.send("count", bytes(""));
  assert.deepEqual([1, 2, 3].map((id) => client.isSent(id)), [true, false, false]);
  client.receive(bytes(0, 0, 0, 0));
  assert.equal(events(client).length, 1);
  client.receive(bytes(0, 0, 0, 0));
  assert.throws(() => client.nextEvent(), { name: "ExtractorEndError", kind: "trailing-bytes" });
  assert.deepEqual(client.unanswered, [2]);
});

test("extractor client › output ends while the process runs › closes the input", () => {
  const client = new ExtractorClientProtocol({ awaitsExit: true });
  assert.equal(client.isOpen, true);
  client.receiveEnd();
  assert.deepEqual(events(client), [{ type: "close-write" }]);
  assert.equal(client.isOpen, false);
  assert.throws(() => client.send("auth", bytes("")), /Start another extractor/);
  client.close();
  client.exited(signal("SIGPIPE"));
  assert.deepEqual(events(client), [{ type: "end", unanswered: [], exit: signal("SIGPIPE") }]);
});

test("extractor server › calls after exit() › no effect", () => {
  const server = new ExtractorServerProtocol();
  server.receive(bytes(0, 0, 0, 4, "auth", 0, 0, 0, 0));
  assert.equal(events(server).length, 1);
  server.exit(5);
  server.respond(1, bytes("too late"));
  assert.deepEqual(events(server), [{ type: "end", exitCode: 5, unanswered: [1] }]);
  server.exit(0);
  assert.equal(server.exitCode, 5);
  assert.equal(server.takeOutput(), undefined);
});

test("single-shot server › respond() after exit() › the answer is dropped", () => {
  const server = new SingleShotServerProtocol({ version: 2 });
  assert.throws(() => server.respond(bytes("x")), /There is no request yet/);
  server.receiveEnd();
  assert.equal(events(server).length, 1);
  server.exit(5);
  server.respond(bytes("too late"));
  assert.deepEqual(events(server), [{ type: "end", exitCode: 5, unanswered: [1] }]);
  assert.equal(server.takeOutput(), undefined);
});

/** Both ends of a process that runs for one request. */
function once(
  version: SingleShotVersion,
  input: Uint8Array,
  answer: (server: SingleShotServerProtocol) => void,
): { client: SingleShotClientProtocol; exitCode: number } {
  const client = new SingleShotClientProtocol({ version, input, awaitsExit: true });
  const server = new SingleShotServerProtocol({ version });
  server.receive(output(client));
  assert.deepEqual(events(client), [{ type: "close-write" }]);
  assert.deepEqual(events(server), []);
  server.receiveEnd();
  const [request] = events(server);
  assert(request.type === "request");
  assert.deepEqual(request.message, concat([input]));
  answer(server);
  const [end] = events(server);
  assert(end.type === "end");
  client.receive(output(server));
  client.receiveEnd();
  assert.deepEqual(events(client), []);
  client.exited({ code: end.exitCode, signal: undefined });
  return { client, exitCode: end.exitCode };
}
