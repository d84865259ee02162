/**
 * Both ends of the protocol, wired together in memory, whatever they have to say to each other and
 * however that is cut on its way.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type DoveadmClientEvent,
  DoveadmClientProtocol,
  type DoveadmCommand,
  type DoveadmServerEvent,
  DoveadmServerProtocol,
  exitCodes,
  type LogLevel,
  logLevels,
} from "../../../core/doveadm/mod.ts";
import { concat, decodeUtf8, encodeUtf8, type Protocol } from "../../../core/mod.ts";

/** What is asked, and what is to be answered. */
interface Exchange {
  readonly command: DoveadmCommand;
  /** The command's input in pieces; none for a command without. */
  readonly input: readonly Uint8Array[] | undefined;
  /** The reply's values, each in pieces, with what is logged before it. */
  readonly values: readonly { readonly pieces: readonly Uint8Array[]; readonly log?: LogLine }[];
  readonly status: { readonly code: string; readonly detail: string } | undefined;
}

interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/** A reply as the client saw it, or is to see it. */
interface Reply {
  readonly ok: boolean;
  readonly code: string | undefined;
  readonly detail: string;
  readonly values: readonly string[];
  readonly log: readonly LogLine[];
}

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\t", "\n", "\r", "\x01", " ", "%", "\x03", "\u00fe", "ü", "𝄞", "=", "x", "-"),
    fc.string({ minLength: 1, maxLength: 1 }),
  ),
  maxLength: 12,
}).map((text) => text.replaceAll("\0", ""));

const bytes = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 3, 9, 10, 13, 46, 0xfe)),
  { maxLength: 40 },
).map((values) => Uint8Array.from(values));

const name = fc.constantFrom("mailbox list", "who", "fetch", "save", "sieve put", "ünknown\t\x01");

const logLine: fc.Arbitrary<LogLine> = fc.record({
  level: fc.constantFrom(...logLevels),
  message: text.map((message) => message.replaceAll(/[\r\n]/g, "") + "."),
}, { noNullPrototype: true });

const extraFields = fc.dictionary(
  fc.constantFrom("proxy-ttl", "forward", "x"),
  fc.array(text.map((value) => value.replaceAll(/[\t\n]/g, "")), { minLength: 1, maxLength: 3 }),
  { minKeys: 1, noNullPrototype: true },
);

function exchange(minor: number): fc.Arbitrary<Exchange> {
  const command: fc.Arbitrary<DoveadmCommand> = fc.record({
    name,
    args: fc.array(text, { maxLength: 4 }),
    user: fc.option(text.filter((user) => user !== ""), { nil: undefined }),
    verbosity: fc.constantFrom(undefined, "verbose" as const, "debug" as const),
    streamed: fc.boolean(),
    extraFields: minor >= 3 ? fc.option(extraFields, { nil: undefined }) : fc.constant(undefined),
  });
  const status = fc.record({
    code: fc.constantFrom(...Object.keys(exitCodes)),
    detail: fc.constantFrom("", "alice@192.0.2.1", "more - words"),
  });
  const value = fc.record({
    pieces: fc.array(bytes, { maxLength: 3 }),
    log: fc.option(logLine, { nil: undefined }),
  });
  return fc.record({
    command,
    input: fc.array(bytes, { maxLength: 4 }),
    values: fc.array(value, { maxLength: 5 }),
    status: fc.option(status, { nil: undefined }),
  }).map(({ command, input, ...rest }) => {
    const hasInput = command.name === "save" || command.name === "sieve put";
    return {
      ...rest,
      command: { ...command, input: hasInput },
      input: hasInput ? input : undefined,
    };
  }).filter(({ input, status }) => input === undefined || status?.code !== "USAGE");
}

/** A client and a server, and the wire between them. */
class Pair {
  readonly client: DoveadmClientProtocol;
  readonly server: DoveadmServerProtocol;
  readonly asked: { command: DoveadmCommand; input: string | undefined }[] = [];
  readonly replies: Reply[] = [];
  minor = -1;
  #exchanges: readonly Exchange[];
  #sizes: Iterator<number>;
  /** The values of the streamed reply that is arriving, each in pieces. */
  #values: Uint8Array[][] = [];
  #isWithin = false;
  #log: LogLine[] = [];
  #input: Uint8Array[] = [];

  constructor(
    minors: readonly [number, number],
    exchanges: readonly Exchange[],
    sizes: Iterator<number>,
  ) {
    this.#exchanges = exchanges;
    this.#sizes = sizes;
    const password = "pass wörd";
    this.client = new DoveadmClientProtocol({
      maxMinor: minors[0],
      password,
      logPassthrough: true,
    });
    this.server = new DoveadmServerProtocol({ maxMinor: minors[1], password });
  }

  /** Lets both talk until neither has anything to say. */
  talk(): void {
    for (let isQuiet = false; !isQuiet;) {
      isQuiet = true;
      for (const chunk of this.#cut(this.client)) {
        isQuiet = false;
        this.server.receive(chunk);
        this.#serve();
      }
      for (const chunk of this.#cut(this.server)) {
        isQuiet = false;
        this.client.receive(chunk);
        this.#hear();
      }
    }
  }

  /** The client sends no more; what it asked is answered, and both learn of the end. */
  end(): void {
    this.server.receiveEnd();
    this.#serve();
    this.talk();
    this.client.receiveEnd();
    this.#hear();
  }

  /** What a protocol has to say, in pieces of all sizes. */
  *#cut(protocol: Protocol<unknown>): Generator<Uint8Array> {
    for (let chunk; (chunk = protocol.takeOutput()) !== undefined;) {
      for (let at = 0; at < chunk.length;) {
        const end = at + this.#sizes.next().value;
        yield chunk.slice(at, end);
        at = end;
      }
    }
  }

  #serve(): void {
    for (let event; (event = this.server.nextEvent()) !== undefined;) this.#onServerEvent(event);
  }

  #onServerEvent(event: DoveadmServerEvent): void {
    switch (event.type) {
      case "ready":
        this.minor = event.minor;
        assert.equal(event.username, "doveadm");
        return;
      case "command":
        this.asked.push({ command: event.command, input: undefined });
        this.#input = [];
        if (!event.command.input) this.#answer(event.id);
        return;
      case "input":
        this.#input.push(event.chunk);
        if (!event.final) return;
        this.asked.at(-1)!.input = String(concat(this.#input));
        this.#answer(event.id);
        return;
      case "end":
        assert.deepEqual(event.unanswered, []);
        return;
      default:
        assert.fail(`The server told of a "${event.type}".`);
    }
  }

  #answer(id: number): void {
    const { server } = this;
    const { values, status } = this.#exchanges[id - 1];
    for (const { pieces, log } of values) {
      if (log !== undefined) server.log(log.level, log.message);
      if (pieces.length === 1) server.writeField(id, pieces[0]);
      else {
        for (const piece of pieces) server.writeField(id, piece, { final: false });
        server.writeField(id, "");
      }
    }
    if (status === undefined) server.succeed(id);
    else server.fail(id, status.code, status.detail);
  }

  #hear(): void {
    for (let event; (event = this.client.nextEvent()) !== undefined;) this.#onClientEvent(event);
  }

  #onClientEvent(event: DoveadmClientEvent): void {
    switch (event.type) {
      case "log":
        this.#log.push({ level: event.level, message: event.message });
        return;
      case "field":
        if (!this.#isWithin) this.#values.push([]);
        this.#values.at(-1)!.push(event.chunk);
        this.#isWithin = !event.final;
        return;
      case "reply": {
        const { ok, detail, rawFields } = event;
        const values = rawFields.length > 0 ? rawFields : this.#values.map(concat);
        const code = event.ok ? undefined : event.code;
        this.replies.push({ ok, code, detail, values: values.map(String), log: this.#log });
        this.#values = [];
        this.#log = [];
        return;
      }
      case "end":
        assert.deepEqual(event.unanswered, []);
    }
  }
}

/** What the client is to see of an answer. */
function expected({ values, status }: Exchange, minor: number): Reply {
  const logs = values.flatMap(({ log }) => minor > 0 && log !== undefined ? [log] : []);
  return {
    ok: status === undefined,
    code: status?.code,
    detail: status?.detail ?? "",
    values: values.map(({ pieces }) => String(concat(pieces))),
    log: logs,
  };
}

/** What the server is to see of a request. */
function seen({ command, input }: Exchange): unknown {
  const { name, args, user, verbosity, extraFields } = command;
  const seen: DoveadmCommand = { name, args };
  if (user !== undefined) seen.user = user;
  if (verbosity !== undefined) seen.verbosity = verbosity;
  if (extraFields !== undefined) seen.extraFields = extraFields;
  if (input !== undefined) seen.input = true;
  return { command: seen, input: input && String(concat(input)) };
}

for (const minor of [0, 1, 2, 3, 4]) {
  test(`client and server, 1.${minor} › any requests and replies › both ends agree`, () => {
    const exchanges = fc.array(exchange(minor), { minLength: 1, maxLength: 8 });
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 60 }));
    // Either end may be the one that speaks no more than this.
    const other = fc.tuple(fc.integer({ min: minor, max: 4 }), fc.boolean());
    fc.assert(
      fc.property(
        exchanges,
        sizes,
        other,
        fc.boolean(),
        (exchanges, sizes, [max, isClient], ahead) => {
          const pair = new Pair(isClient ? [max, minor] : [minor, max], exchanges, sizes);
          // Extra fields have to wait until the session is known to have them.
          if (!ahead || minor >= 3) pair.talk();
          for (const { command, input } of exchanges) {
            const id = pair.client.send(command);
            for (const piece of input ?? []) pair.client.write(id, piece);
            if (input !== undefined) pair.client.end(id);
            if (!ahead) pair.talk();
          }
          pair.talk();
          pair.end();
          assert.equal(pair.minor, minor);
          assert.deepEqual(pair.asked, exchanges.map(seen));
          assert.deepEqual(pair.replies, exchanges.map((one) => expected(one, minor)));
        },
      ),
      { numRuns: 400, seed: minor },
    );
  });
}

test("client and server › a refused command with input › the input never becomes a command", () => {
  const firstLine = fc.constantFrom("\t\tstop\n", "v\t\treload\n", "Subject: x\n", ".\n", "");
  const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 30 }));
  fc.assert(
    fc.property(firstLine, sizes, fc.boolean(), (line, sizes, isWhole) => {
      const client = new DoveadmClientProtocol();
      const server = new DoveadmServerProtocol({ preauthenticated: true });
      const id = client.send({ name: "save", args: ["--bogus"], input: true });
      client.write(id, encodeUtf8(line + "\t\tstop\n.\n..\n"));
      if (isWhole) client.end(id);
      const names: string[] = [];
      for (let turn = 0; turn < 3; turn++) {
        for (let chunk; (chunk = client.takeOutput()) !== undefined;) {
          for (let at = 0; at < chunk.length;) {
            const end = at + sizes.next().value;
            server.receive(chunk.slice(at, end));
            at = end;
            for (let event; (event = server.nextEvent()) !== undefined;) {
              if (event.type !== "command") continue;
              names.push(event.command.name);
              server.fail(event.id, "USAGE");
            }
          }
        }
        for (let chunk; (chunk = server.takeOutput()) !== undefined;) client.receive(chunk);
        while (client.nextEvent() !== undefined);
      }
      assert.deepEqual(names, ["save"]);
    }),
    { numRuns: 300 },
  );
});

test("client and server › a command that isn't UTF-8 › refused, and the next command runs", () => {
  const server = new DoveadmServerProtocol({ preauthenticated: true });
  server.receive(encodeUtf8("VERSION\tdoveadm-server\t1\t0\n\talice\tsave\t"));
  server.receive(Uint8Array.of(0xff));
  server.receive(encodeUtf8("\nbody\n.\n\t\twho\n"));
  assert.equal(server.nextEvent()?.type, "ready");
  const event = server.nextEvent();
  assert(event?.type === "command" && event.command.name === "who");
  assert.equal(decodeUtf8(server.takeOutput()!), "+\n\n-DATAERR\n");
});
