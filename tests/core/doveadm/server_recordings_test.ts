/**
 * Recordings of real servers, replayed by ours: told what the recorded client said, it must see the
 * same commands and, answering what the recorded server answered, say the same bytes, however what
 * arrives and what is answered is cut.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RemoteProtocolError } from "../../../core/mod.ts";
import { httpRecordings, loadRecordings, type Recording, servers, wireOf } from "./recordings.ts";
import { checkEach, checkRows, countedLines, type Row, rowOf } from "./recording_rows.ts";
import { type Answers, type Manner, type Plan, Replay } from "./server_replay.ts";
import {
  type Ask,
  type Part,
  segmentsOfParts,
  segmentsOfWire,
  type ServerScript,
  serverScriptOf,
} from "./server_scripts.ts";

/** What our server does where it differs from the recorded one. */
type Correction = (plan: Plan) => Plan;

/** What Dovecot does and our server doesn't, and what ours does instead. */
const corrections = {
  "rows after the reply: before it": (plan) => answering(plan, rowsAhead(plan)),
  "a command that takes the connection down: one to be answered": (plan) =>
    answering(plan, plan.script.asks.map((_, at) => plan.answers[at] ?? [failed("TEMPFAIL")])),
  "a refused command's input read as commands: skipped": (plan) =>
    answering(plan, plan.script.asks.map((_, at) => plan.answers[at] ?? [succeeded])),
  "a log line that a line is no command: the same end without it": (plan) => ({
    ...answering(plan, plan.answers),
    end: "failed",
  }),
  "OPTION without a log, a crash: taken, and of no use": (plan) => answering(plan, [[succeeded]]),
  "a field that isn't UTF-8: the command refused": (plan) => {
    const answers = rowsAhead(plan);
    const { asks } = plan.script;
    return {
      ...answering(plan, asks.map((ask, at) => ask.isUtf8 ? answers[at] : refused(ask))),
      answers: answers.filter((_, at) => asks[at].isUtf8),
    };
  },
  "STARTTLS within TLS, which hangs: refused": (plan) => ({
    ...plan,
    expected: [{ channel: "handshake", bytes: `${plan.expected[0].bytes}-\n` }],
    end: "refused",
  }),
  "log lines without a level: with one each": (plan) => answering(plan, plan.answers),
  "a save of a file that the server has: with input all the same": (plan) => ({
    ...plan,
    isAsRecorded: false,
    answersEarly: true,
  }),
} as const satisfies Record<string, Correction>;

/** The recordings in which Dovecot does so. */
const different: readonly Row<keyof typeof corrections>[] = [
  ["rows after the reply: before it", /\/rows-after-reply(-pipelined)?-m/],
  ["rows after the reply: before it", /\/(service-status|who-imap-session)-m/],
  ...[
    /\/(backup-usage|import-usage|usage-missing-arg2?|user-u)-m/,
    /\/(fetch-badfield|mailbox-status-badfield|mailbox-cache)-m/,
    /\/(expunge-noquery|search-badquery)-m/,
    // Newer servers do what they are asked for here, or say why not.
    /^2\.3\.19\.1\/(privileges-dropped|proxied-user-refused|save-nomailbox)-m/,
    /^2\.3\.19\.1\/replicator(-dsync-status)?-m/,
  ].map((names) =>
    ["a command that takes the connection down: one to be answered", names] as const
  ),
  ["a refused command's input read as commands: skipped", /\/save-usage-error-m/],
  ["a refused command's input read as commands: skipped", /^main\/sieve-m/],
  ...[
    /\/(empty-line|two-fields|handshake-preauth-sends-plain-anyway)-m[12]$/,
    /^2\.3\.19\.1\/(empty-line-m[34]|flag-x(-forward|-missing)?-m[1-4]|proxied-ttl1-m[12])$/,
    /^main\/flag-x-missing-m1$/,
  ].map((names) =>
    ["a log line that a line is no command: the same end without it", names] as const
  ),
  ["OPTION without a log, a crash: taken, and of no use", /^(2\.4\.1|main)\/option-unknown-m0$/],
  ["a field that isn't UTF-8: the command refused", /\/(dict-iter|mailbox-name-invalid-utf8)-m/],
  ["STARTTLS within TLS, which hangs: refused", /\/tls-implicit-starttls-again-m/],
  ["log lines without a level: with one each", /^2\.3\.19\.1\/username-strange-m[12]$/],
  ["a save of a file that the server has: with input all the same", /\/save-file-arg-m/],
];

/** The recordings that a server of the protocol has no part in. */
const leftOut: readonly Row[] = [
  ["dsync's own protocol after a command", /\/dsync-server-U$/],
  ["TLS that the client doesn't speak", /\/tls-implicit-plaintext-client-m/],
];

const all = servers.map((server) => ({ server, recordings: loadRecordings(server) }));

for (const { server, recordings } of all) {
  test(`recordings of ${server} › ordinary ones › our server sends the same`, () => {
    checkEach(recordings.filter((one) => !rowOf(different, one) && !rowOf(leftOut, one)), (one) => {
      checkPlan(planOf(one));
    });
  });

  test(`recordings of ${server} › faults of Dovecot's › our server doesn't have them`, () => {
    checkEach(recordings.filter((one) => rowOf(different, one)), (one) => {
      const [difference] = rowOf(different, one)!;
      checkPlan(corrections[difference](planOf(one)));
    });
  });

  test(`recordings of ${server} › those that differ or are left out › don't replay`, () => {
    checkEach(recordings.filter((one) => rowOf(different, one) || rowOf(leftOut, one)), (one) => {
      assert.throws(() => checkPlan(planOf(one)));
    });
  });
}

test("recordings › input of save › arrives as it was stored", () => {
  const stored = all.flatMap(({ recordings }) => recordings)
    .filter(({ name }) => /\/save-(binary|crlf|dotstuffed|lf|split)-m/.test(name))
    .map((one) => {
      const { asks, answers } = serverScriptOf(one);
      const fetch = asks.findIndex(({ command }) => command.name === "fetch");
      if (fetch === -1) return 0;
      const [part] = answers[fetch];
      assert(part.type === "field" && asks[fetch - 1].command.name === "save");
      // What fetch shows has LF line ends in all cases.
      assert.equal(asks[fetch - 1].input!.replaceAll("\r\n", "\n"), part.bytes, one.name);
      return 1;
    });
  assert(stored.reduce<number>((sum, one) => sum + one, 0) > 30);
});

test("recordings › the rows of different and left out ones › each recording in one at most, none empty", () => {
  const rows: readonly Row[] = [...different, ...leftOut];
  checkRows(rows, all.flatMap(({ recordings }) => recordings));
});

test("recordings › the numbers of replayed, different and left out ones › are printed", () => {
  const lines = all.flatMap(({ server, recordings }) => {
    const differing = recordings.flatMap((one) => rowOf(different, one)?.[0] ?? []);
    const left = recordings.flatMap((one) => rowOf(leftOut, one)?.[0] ?? [])
      .concat(Array(httpRecordings).fill("HTTP, which is another protocol"));
    const replayed = recordings.length + httpRecordings - differing.length - left.length;
    return [
      `${server}: ${replayed} replayed, ${differing.length} differ, ${left.length} left out`,
      "  differ on purpose, by what Dovecot does and what ours does",
      ...countedLines(differing),
      "  left out",
      ...countedLines(left),
    ];
  });
  console.log(lines.join("\n"));
});

/** What it takes to do as the recorded server did. */
function planOf(recording: Recording): Plan {
  const script = serverScriptOf(recording);
  const { answers, rest } = script;
  const expected = segmentsOfWire(wireOf(recording, "server"), script.offered);
  return { recording, script, isAsRecorded: true, answers, rest, expected, end: endOf(script) };
}

function endOf({ serverEnds, clientEnds, isIn, greets }: ServerScript): Plan["end"] {
  if (!serverEnds) return "open";
  if (clientEnds) return "with the client";
  return greets && !isIn ? "refused" : "failed";
}

/** The plan with other answers and nothing after them. */
function answering(plan: Plan, answers: Answers): Plan {
  const { script, expected } = plan;
  return {
    ...plan,
    isAsRecorded: false,
    answers,
    rest: [],
    expected: [expected[0], ...segmentsOfParts(answers.flat(), script.passesLog)],
    end: script.clientEnds ? "with the client" : "open",
  };
}

/** The answers with rows where they belong: none stands after its reply, in front of the next. */
function rowsAhead({ answers, rest }: Plan): Answers {
  const all = [...answers, rest].map((parts) => [...parts]);
  for (let at = 1; at < answers.length; at++) {
    if (all[at].length > 1 || all[at][0].type !== "succeed") continue;
    const rows = all[at + 1].findIndex(({ type }) => type !== "field");
    all[at].unshift(...all[at + 1].splice(0, rows === -1 ? Infinity : rows));
  }
  return all.slice(0, -1);
}

const succeeded: Part = { type: "succeed" };

function failed(code: string): Part {
  return { type: "fail", code, detail: "" };
}

/** What our server says of itself to a command that no string can hold. */
function refused({ command }: Ask): readonly Part[] {
  const message = `"${command.name}" is invalid: a field of it isn't UTF-8.`;
  return [{ type: "log", level: "error", message }, failed("DATAERR")];
}

/** Carries a plan out in many ways. */
function checkPlan(plan: Plan): void {
  const { answersEarly = false } = plan;
  check(plan, { cut: (bytes) => [bytes], early: answersEarly });
  check(plan, { cut: (bytes) => bytes, early: answersEarly });
  check(plan, { cut: (bytes) => [bytes], early: answersEarly, atOnce: true, texts: true });
  check(plan, { cut: (bytes) => [bytes], atOnce: true, early: true });
  const pieceSizes = fc.infiniteStream(fc.integer({ min: 1, max: 40 }));
  fc.assert(
    fc.property(pieceSizes, fc.boolean(), fc.boolean(), (sizes, early, texts) => {
      check(plan, { cut: cutAtRandom(sizes), early: early || answersEarly, texts });
    }),
    { numRuns: 6, seed: 1 },
  );
}

function cutAtRandom(sizes: Iterator<number>): Manner["cut"] {
  return function* (bytes) {
    for (let at = 0; at < bytes.length;) {
      const end = at + sizes.next().value;
      yield bytes.slice(at, end);
      at = end;
    }
  };
}

function check(plan: Plan, manner: Manner): void {
  const { options, offered, minor, isIn, asks } = plan.script;
  const { events, output, inputs, error } = new Replay(plan, manner).run();
  assert.deepEqual(segmentsOfWire(output, offered), plan.expected);
  if (minor === 4 && plan.isAsRecorded && plan.expected.length > 1) {
    // The borders of what is written don't show in the stream format.
    assert.equal(output, wireOf(plan.recording, "server"));
  }
  const seen = asks.filter((ask) => ask.isUtf8);
  assert.deepEqual(
    events.flatMap((event) => event.type === "command" ? event.command : []),
    seen.map(({ command }) => command),
  );
  if (!manner.early) assert.deepEqual(inputs, seen.flatMap(({ input }) => input ?? []));
  const username = options.preauthenticated ? undefined : "doveadm";
  assert.deepEqual(
    events.filter(({ type }) => type === "ready"),
    isIn ? [{ type: "ready", minor, username }] : [],
  );
  const ending = events.slice(-2).map(({ type }) => type);
  switch (plan.end) {
    case "open":
      assert(error === undefined && !ending.includes("end"), `it ended, ${error}`);
      break;
    case "with the client":
      assert.deepEqual([events.at(-1), error], [{ type: "end", unanswered: [] }, undefined]);
      break;
    case "refused":
      assert.deepEqual([...ending, error], ["refused", "end", undefined]);
      break;
    case "failed":
      assert(error instanceof RemoteProtocolError, `it failed with ${error}`);
      assert.deepEqual(error.unanswered, []);
  }
}
