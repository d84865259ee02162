/**
 * Recordings of real servers, replayed: a client that is asked for what the recorded one was asked
 * for must write the same bytes and report what the recording has, however the bytes are cut.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type DoveadmClientEvent, DoveadmClientProtocol } from "../../../core/doveadm/mod.ts";
import { AuthenticationError, LocalProtocolError, RemoteProtocolError } from "../../../core/mod.ts";
import {
  type Act,
  channelOf,
  courseOf,
  fromBytes,
  httpRecordings,
  loadRecordings,
  type Recording,
  type Script,
  scriptOf,
  type Seen,
  servers,
  toBytes,
  utf8,
} from "./recordings.ts";
import { checkEach, checkRows, countedLines, type Row, rowOf } from "./recording_rows.ts";

/** What a caller got. */
interface Outcome {
  readonly events: readonly Seen[];
  readonly output: string;
  readonly error: unknown;
}

/** Looks at what a caller got. */
type Judge = (outcome: Outcome, script: Script) => void;

/** What a caller can get that isn't a reply to everything. */
const misfortunes = {
  "AuthenticationError: a password is wanted": failsWith(AuthenticationError, /none was given/),
  "AuthenticationError: it is a wrong one": failsWith(AuthenticationError, /refused the password/),
  "RemoteProtocolError: no STARTTLS there": failsWith(RemoteProtocolError, /has no STARTTLS/),
  "RemoteProtocolError: bytes before TLS": failsWith(
    RemoteProtocolError,
    /unencrypted bytes after/,
  ),
  "RemoteProtocolError: rows after a reply": failsWith(RemoteProtocolError, /no request was run/),
  "end: no welcome": ({ events }) => {
    assert.deepEqual(events, [{ type: "end", unanswered: [] }]);
  },
  "end: no reply": ({ events }) => {
    const end = events.at(-1);
    assert(end?.type === "end" && end.unanswered.length > 0);
  },
  "end: input that the server doesn't read as such": ({ events }) => {
    const [reply, end] = events.slice(-2);
    assert(reply.type === "reply" && !reply.ok && end.type === "end");
  },
  "nothing, which takes a time-out": ({ events, error }) => {
    assert.equal(error, undefined);
    assert(!events.some(({ type }) => type === "reply" || type === "end"));
  },
} as const satisfies Record<string, Judge>;

/** The recordings in which a caller gets something else than replies. */
const traps: readonly Row<keyof typeof misfortunes>[] = [
  ["AuthenticationError: a password is wanted", /\/command-before-auth-m/],
  ["AuthenticationError: it is a wrong one", /\/auth-wrong-(password|user)-m/],
  ["RemoteProtocolError: no STARTTLS there", /[/-]starttls(-[a-z]+)*-m[01]$/],
  ["RemoteProtocolError: bytes before TLS", /\/starttls-no-password-configured-m[2-4]$/],
  ["RemoteProtocolError: rows after a reply", /\/rows-after-reply(-pipelined)?-m/],
  ["RemoteProtocolError: rows after a reply", /\/(service-status|who-imap-session)-m/],
  ["end: no welcome", /\/tls-implicit-plaintext-client-m/],
  ["end: no reply", /\/(backup-usage|import-usage|usage-missing-arg2?|user-u)-m/],
  ["end: no reply", /\/(fetch-badfield|mailbox-status-badfield|mailbox-cache)-m/],
  ["end: no reply", /\/(expunge-noquery|search-badquery)-m/],
  // Newer servers do what they are asked for here, or say why not.
  ["end: no reply", /^2\.3\.19\.1\/(privileges-dropped|proxied-user-refused|save-nomailbox)-m/],
  ["end: no reply", /^2\.3\.19\.1\/replicator(-dsync-status)?-m/],
  ["end: input that the server doesn't read as such", /\/save-(usage-error|eof-before-dot)-m/],
  ["end: input that the server doesn't read as such", /^main\/sieve-m/],
  ["nothing, which takes a time-out", /\/(tls-implicit-starttls-again-m[2-4]|idle-save-input)$/],
];

/** The recordings in which the client does what ours can't be made to do. */
const leftOut: readonly Row[] = [
  ["a VERSION line of another kind", /\/version-(empty-line|extra-field|http-get|wrong-service)$/],
  ["a VERSION line of another kind", /\/version-(major\d|minor-99|no-minor|unterminated)$/],
  ["no VERSION line", /\/(version-never-fin|idle-no-version)$/],
  ["a login of another kind", /\/auth-(authzid|bad-base64|other-mechanism|unpadded-base64)-m/],
  ["a login that nobody asked for", /\/handshake-preauth-sends-plain-anyway-m/],
  ["a line that is no command", /\/(empty-line|two-fields|flag-x-missing)-m/],
  ["a command without its line end", /\/(unterminated-command-fin-m.|idle-partial-line)$/],
  ["two flags of verbosity", /\/flag-vD-m/],
  ["extra fields below 1.3", /\/(flag-x|proxied-ttl1)-m[0-2]$|^2\.3\.19\.1\/flag-x-m[34]$/],
  ["an extra field with a TAB, which crashes 2.4", /\/flag-x-forward-m/],
  ["OPTION below 1.3, where the log comes unasked", /^(2\.4\.1|main)\/flag-D-option-m1$/],
  ["escapes that stand for nothing", /\/bad-escape-m/],
  ["a NUL in an argument", /\/escaped-nul-m/],
  ["an argument that isn't UTF-8", /\/(dict-iter|mailbox-name-invalid-utf8)-m/],
  ["OPTION as a command", /\/option-unknown-m/],
  ["dsync's own protocol after a command", /\/dsync-server-U$/],
];

const all = servers.map((server) => ({ server, recordings: loadRecordings(server) }));
const differences: string[] = [];

for (const { server, recordings } of all) {
  test(`recordings of ${server} › ordinary ones › replay`, () => {
    checkEach(recordings.filter((one) => !rowOf(traps, one) && !rowOf(leftOut, one)), (one) => {
      differences.push(...checkReplay(one, goesWell).differences);
    });
  });

  test(`recordings of ${server} › traps › give what a caller should get`, () => {
    checkEach(recordings.filter((one) => rowOf(traps, one)), (one) => {
      const [misfortune] = rowOf(traps, one)!;
      differences.push(...checkReplay(one, misfortunes[misfortune]).differences);
    });
  });

  test(`recordings of ${server} › those that are left out › can't be replayed`, () => {
    checkEach(recordings.filter((one) => rowOf(leftOut, one)), (one) => {
      assert.throws(() => checkOutput(one));
    });
  });
}

test("recordings › the rows of traps and left out ones › each recording in one at most, none empty", () => {
  const rows: readonly Row[] = [...traps, ...leftOut];
  checkRows(rows, all.flatMap(({ recordings }) => recordings));
});

test("recordings › the numbers of replayed ones, traps and left out ones › are printed", () => {
  const lines = all.flatMap(({ server, recordings }) => {
    const trapped = recordings.flatMap((one) => rowOf(traps, one)?.[0] ?? []);
    const left = recordings.flatMap((one) => rowOf(leftOut, one)?.[0] ?? [])
      .concat(Array(httpRecordings).fill("HTTP, which is another protocol"));
    const replayed = recordings.length + httpRecordings - trapped.length - left.length;
    return [
      `${server}: ${replayed} replayed, ${trapped.length} traps, ${left.length} left out`,
      "  traps, by what a caller gets",
      ...countedLines(trapped),
      "  left out, by what the client does",
      ...countedLines(left),
    ];
  });
  lines.push("replays of all servers that differ from the recorded client");
  console.log([...lines, ...countedLines(differences)].join("\n"));
});

/** Replays a recording in many ways; each must take the recorded course and suit `judge`. */
function checkReplay(recording: Recording, judge: Judge): Script {
  const script = scriptOf(recording);
  for (const name of ["main", "log"] as const) {
    assert.equal(channelOf(recording, script, name), recording.channels[name]);
  }
  const course = courseOf(recording, script);
  const check = (cut: Cut, streamed: boolean) => {
    const outcome = new Replay(script, cut, streamed).run();
    assert.deepEqual(outcome.events, course.events);
    assert.equal(outcome.output, course.output);
    if (outcome.error instanceof RemoteProtocolError) {
      assert.deepEqual(outcome.error.unanswered, course.unanswered);
    }
    judge(outcome, script);
  };
  for (const streamed of [false, true]) {
    check((bytes) => [bytes], streamed);
    check((bytes) => bytes, streamed);
  }
  const pieceSizes = fc.infiniteStream(fc.integer({ min: 1, max: 40 }));
  fc.assert(
    fc.property(pieceSizes, fc.boolean(), (sizes, streamed) => check(cutAtRandom(sizes), streamed)),
    { numRuns: 8, seed: 1 },
  );
  return script;
}

/** Checks that ours can be made to write what the recorded client wrote. */
function checkOutput(recording: Recording): void {
  const script = scriptOf(recording);
  const { output } = new Replay(script, (bytes) => [bytes], false).run();
  assert.equal(output, courseOf(recording, script).output);
}

/** A session with a reply to everything, and without an error. */
function goesWell({ events, error }: Outcome, { steps }: Script): void {
  assert.equal(error, undefined);
  assert(events.some(({ type }) => type === "ready"));
  const acts = steps.flatMap((step) => "acts" in step ? step.acts : []);
  assert.equal(
    events.filter(({ type }) => type === "reply").length,
    acts.filter(({ type }) => type === "send").length,
  );
}

function failsWith(type: new (message: string) => Error, message: RegExp): Judge {
  return ({ error }) => {
    assert(error instanceof type, `${error}`);
    assert.match(error.message, message);
  };
}

/** How what arrives and what is input is cut into pieces. */
type Cut = (bytes: string) => Iterable<string>;

function cutAtRandom(sizes: Iterator<number>): Cut {
  return function* (bytes) {
    for (let at = 0; at < bytes.length;) {
      const end = at + sizes.next().value;
      yield bytes.slice(at, end);
      at = end;
    }
  };
}

/** A caller that follows a script. */
class Replay {
  #script: Script;
  #cut: Cut;
  #streamed: boolean;
  #client: DoveadmClientProtocol;
  #events: Seen[] = [];
  #output = "";
  #error: unknown;
  #lastId = 0;
  /** The values of the streamed reply that is arriving. */
  #values: string[] = [];
  #isWithinValue = false;

  constructor(script: Script, cut: Cut, streamed: boolean) {
    this.#script = script;
    this.#cut = cut;
    this.#streamed = streamed;
    this.#client = new DoveadmClientProtocol(script.options);
  }

  get #isReady(): boolean {
    return this.#events.some(({ type }) => type === "ready");
  }

  get #isOver(): boolean {
    return this.#error !== undefined || this.#events.at(-1)?.type === "end";
  }

  /** Goes through the script. */
  run(): Outcome {
    this.#pump();
    let recorded = "";
    for (const step of this.#script.steps) {
      if ("acts" in step) {
        step.acts.forEach((act) => this.#act(act));
        this.#pump();
        recorded += step.bytes;
        // After the handshake ours must not wait where the recorded client didn't.
        if (this.#isReady && !this.#isOver) assert.equal(this.#output, recorded);
      } else if ("says" in step) this.#hear(step.says);
      else if (!this.#isOver) {
        this.#client.receiveEnd();
        this.#pump();
      }
    }
    return { events: this.#events, output: this.#output, error: this.#error };
  }

  #act(act: Act): void {
    if (this.#isOver) {
      // What the recorded client wrote into a dead connection, ours refuses.
      if (act.type !== "send") return;
      assert.throws(() => this.#client.send(act.command), LocalProtocolError);
    } else if (act.type === "send") {
      const id = this.#client.send({ ...act.command, streamed: this.#streamed });
      assert.equal(id, ++this.#lastId);
    } else if (act.type === "write") {
      for (const piece of this.#cut(act.input)) this.#client.write(this.#lastId, toBytes(piece));
    } else this.#client.end(this.#lastId);
  }

  #hear(bytes: string): void {
    for (const piece of this.#cut(bytes)) {
      this.#client.receive(toBytes(piece));
      this.#pump();
    }
  }

  /** Writes all output and returns all events. A reply only belongs to what was written before. */
  #pump(): void {
    this.#write();
    for (let event; (event = this.#nextEvent()) !== undefined;) {
      this.#write();
      this.#see(event);
    }
    this.#write();
  }

  #write(): void {
    for (let chunk; (chunk = this.#client.takeOutput()) !== undefined;) {
      this.#output += fromBytes(chunk);
    }
  }

  #nextEvent(): DoveadmClientEvent | undefined {
    try {
      return this.#client.nextEvent();
    } catch (error) {
      this.#error ??= error;
      assert.equal(error, this.#error, "the error isn't there without limit");
    }
  }

  #see(event: DoveadmClientEvent): void {
    if (event.type === "field") {
      const value = (this.#isWithinValue ? this.#values.pop() : "") + fromBytes(event.chunk);
      this.#values.push(value);
      this.#isWithinValue = !event.final;
    } else if (event.type === "reply") {
      const { type, id, ok, detail } = event;
      const code = event.ok ? undefined : event.code;
      const fields = this.#streamed ? this.#values.map(utf8) : event.fields;
      const rawFields = this.#streamed ? this.#values : event.rawFields.map(fromBytes);
      this.#events.push({ type, id, ok, code, detail, rawFields, fields });
      this.#values = [];
    } else {
      assert(event.type !== "values", "nothing is streamed escaped");
      this.#events.push(event);
      if (event.type === "start-tls" && this.#script.getsTls) this.#client.tlsStarted();
    }
  }
}
