import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ExtractorClientProtocol,
  ExtractorEndError,
  ExtractorServerProtocol,
  type SingleShotClientEvent,
  SingleShotClientProtocol,
  SingleShotServerProtocol,
} from "../../../core/extractor/mod.ts";
import { concat, type Protocol, RemoteProtocolError } from "../../../core/mod.ts";
import { bytes, code, frame, output, thrown } from "./dialogue.ts";

const limits = { maxMethodSize: 16, maxMessageSize: 300 };

/** Complete frames, frames with a wrong length, and random bytes. */
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 320 }).map((payload) => frame(payload)),
  fc.stringMatching(/^[ -~]{0,20}$/).map((name) => frame(name)),
  fc.tuple(fc.nat(400), fc.uint8Array({ maxLength: 20 })).map(([length, payload]) =>
    bytes(0, 0, length >> 8, length & 255, payload)
  ),
  fc.uint8Array({ maxLength: 12 }),
);
const stream = fc.array(piece, { maxLength: 12 }).map((pieces) => concat(pieces));
const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 100 }));

/**
 * Feeds bytes to a protocol and reports all events up to its end or its `RemoteProtocolError`. There must
 * be one of both, and no more events than bytes.
 */
function feed<Event extends { readonly type: string }>(
  protocol: Protocol<Event> & { exited?(status: ReturnType<typeof code>): void },
  input: Uint8Array,
  onEvent: (event: Event) => void,
  sizes?: Iterator<number>,
): RemoteProtocolError | undefined {
  let hasEnded = false;
  let events = 0;
  const pump = () => {
    for (let event; (event = protocol.nextEvent()) !== undefined;) {
      onEvent(event);
      assert(!hasEnded, `"${event.type}" came after the end`);
      hasEnded = event.type === "end";
      assert(++events <= input.length + 3, "there are more events than bytes");
    }
  };
  const error = thrown(() => {
    for (let at = 0; at < input.length;) {
      const size: number = sizes?.next().value ?? input.length;
      protocol.receive(input.slice(at, at + size));
      at += size;
      pump();
    }
    protocol.receiveEnd();
    pump();
    protocol.exited?.(code(0));
    pump();
  });
  if (error === undefined) {
    assert(hasEnded, "there is neither an end nor an error");
    return undefined;
  }
  assert(error instanceof RemoteProtocolError, String(error));
  assert.equal(thrown(() => protocol.nextEvent()), error);
  return error;
}

test("extractor client › random frames › answers, then an end or an error", () => {
  fc.assert(
    fc.property(stream, cuts, fc.nat(12), fc.boolean(), (input, sizes, requests, closes) => {
      const client = new ExtractorClientProtocol({ awaitsExit: true, limits });
      for (let i = 0; i < requests; i++) client.send("list", bytes("x"));
      output(client);
      if (closes) client.close();
      let answers = 0;
      const error = feed(client, input, (event) => {
        if (event.type === "response") assert.equal(event.id, ++answers);
      }, sizes);
      assert(answers <= requests);
      assert.equal(client.unanswered.length, requests - answers);
      if (error !== undefined) assert.deepEqual(error.unanswered, client.unanswered);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("extractor server › random frames › requests, then an end or an error", () => {
  fc.assert(
    fc.property(stream, cuts, fc.boolean(), (input, sizes, answersLate) => {
      const server = new ExtractorServerProtocol({ limits });
      let asked = 0;
      let answered = 0;
      const error = feed(server, input, (event) => {
        if (event.type !== "request") return;
        assert.equal(event.id, ++asked);
        assert.match(event.method, /^[ -~]{1,16}$/);
        assert(event.message.length <= 300);
        server.respond(event.id, event.message);
        answered++;
        if (answersLate) output(server);
      }, sizes);
      assert.equal(server.exitCode, error === undefined ? 0 : 4);
      assert.equal(asked, answered);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("single-shot protocols › random bytes › one event, then an end or an error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (input, sizes) => {
      for (const version of [1, 2] as const) {
        let heard = 0;
        const client = new SingleShotClientProtocol({ version, limits, awaitsExit: true });
        const error = feed(client, input, (event) => {
          if (event.type !== "response") return;
          heard += "message" in event ? event.message.length : event.header.length;
          if ("binary" in event) heard += event.binary.length + (input.includes(10) ? 1 : 0);
        }, sizes);
        assert.equal(error?.limit, input.length > 300 ? "maxMessageSize" : undefined);
        if (error === undefined) assert.equal(heard, input.length);

        const server = new SingleShotServerProtocol({ version, limits });
        feed(server, input, (event) => {
          if (event.type !== "request") return;
          assert.deepEqual(event.message, Uint8Array.from(input));
          server.respond(bytes("{}"));
        }, sizes);
      }
    }),
    { seed: 1 },
  );
});

test("extractor client › answers truncated at every byte › complete ones returned, the rest unanswered", () => {
  const answers = [bytes(""), bytes("x"), new Uint8Array(300).fill(7), bytes("")];
  const ends: number[] = [];
  const all = concat(answers.map((answer) => frame(answer)));
  answers.reduce((sum, answer) => (ends.push(sum + 4 + answer.length), ends.at(-1)!), 0);
  for (let size = 0; size <= all.length; size++) {
    const client = new ExtractorClientProtocol({ awaitsExit: true, limits });
    for (let i = 0; i < answers.length; i++) client.send("list", bytes("x"));
    output(client);
    const heard: Uint8Array[] = [];
    const error = feed(client, all.slice(0, size), (event) => {
      if (event.type === "response") heard.push(event.message);
    });
    const whole = ends.filter((end) => end <= size).length;
    assert.deepEqual(heard, answers.slice(0, whole), `at ${size}`);
    assert.deepEqual(client.unanswered, [1, 2, 3, 4].slice(whole), `at ${size}`);
    const isBetween = size === 0 || ends.includes(size);
    assert.equal(
      (error as ExtractorEndError)?.kind,
      isBetween ? undefined : "cut-short",
      `at ${size}`,
    );
  }
});

test("extractor server › requests truncated at every byte › complete ones answered, error for the rest", () => {
  const requests = ["auth", "list", "count"].map((method, at) =>
    bytes(frame(method), frame(new Uint8Array(at * 100)))
  );
  const all = concat(requests);
  const ends = requests.map((_, at) => concat(requests.slice(0, at + 1)).length);
  for (let size = 0; size <= all.length; size++) {
    const server = new ExtractorServerProtocol({ limits });
    let asked = 0;
    const error = feed(server, all.slice(0, size), (event) => {
      if (event.type !== "request") return;
      asked++;
      server.respond(event.id, bytes("ok"));
    });
    assert.equal(asked, ends.filter((end) => end <= size).length, `at ${size}`);
    assert.equal(output(server).length, asked * 6, `at ${size}`);
    assert.equal(error === undefined, size === 0 || ends.includes(size), `at ${size}`);
    if (error !== undefined) assert.match(error.message, /requests ended within/);
    assert.equal(server.exitCode, error === undefined ? 0 : 4);
  }
});

test("single-shot client › version 1, truncated at every byte, exit unknown › error only within the line", () => {
  const all = bytes('{"size":3}\nabc');
  for (let size = 0; size <= all.length; size++) {
    const client = new SingleShotClientProtocol({ version: 1 });
    let answer: Uint8Array | undefined;
    // The exit status stays unknown.
    const bare: Protocol<SingleShotClientEvent> = Object.assign(client, { exited: undefined });
    const error = feed(bare, all.slice(0, size), (event) => {
      if (event.type === "response" && "header" in event) answer = event.header;
    });
    const isHeaderWhole = size > 10;
    assert.deepEqual(answer, isHeaderWhole ? all.subarray(0, 10) : undefined, `at ${size}`);
    assert.equal(error instanceof ExtractorEndError, size > 0 && !isHeaderWhole, `at ${size}`);
  }
});
