/**
 * The same calls over UNIX sockets, TCP and HTTP, to real servers of both versions: what they give
 * is the same, to the last value.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type CommandInfo, commands } from "../../../core/doveadm/catalogue/mod.ts";
import { CommandError, type DoveadmCall, type DoveadmClient, DovewireError } from "../../../mod.ts";
import type { DovecotVersion } from "../../harness/dovecot/dovecot.ts";
import { type Place, type Read, reads, type Row, type Way, ways } from "./same_rows_calls.ts";
import {
  clientsOf,
  prepare,
  rowsOfCall,
  runCall,
  startFullDovecot,
  startSession,
  tellAnvil,
} from "./same_rows_server.ts";
import { failures, mailWrites, serverWrites, type Step, stepsOf } from "./same_rows_writes.ts";

/** How long a test may take that starts hundreds of Dovecot's processes, in milliseconds. */
const timeout = 400_000;

/** What became of a call. */
type Outcome = { readonly rows: readonly Row[] } | {
  readonly error: string;
  readonly code?: string;
};

async function outcomeOf(work: Promise<readonly Row[]>): Promise<Outcome> {
  try {
    return { rows: await work };
  } catch (error) {
    assert(error instanceof DovewireError, `${error}`);
    return { error: error.name, ...(error instanceof CommandError ? { code: error.code } : {}) };
  }
}

function rowsOf(outcome: Outcome, what: string): readonly Row[] {
  assert("rows" in outcome, `${what}: ${textOf(outcome as unknown as Row)}`);
  return outcome.rows;
}

/** A text that is the same for equal rows only, in whichever order their columns come. */
function textOf(row: Row): string {
  const columns = Object.keys(row).sort().map((key) => [key, row[key]]);
  return JSON.stringify(
    Object.fromEntries(columns),
    (_, value) => typeof value === "bigint" ? `${value}n` : value,
  );
}

/**
 * What is the same each time: all of a reply's rows except what the expectation excludes, in the order
 * that the server promises, or sorted where it promises none.
 */
function lasting(rows: readonly Row[], expected: Omit<Read, "call">): readonly Row[] {
  const { moving = {}, lasting, ordered, repeating } = expected;
  let left = lasting === undefined ? rows : rows.filter((row) => lasting.isLasting(row));
  left = left.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [key, key in moving ? "moves" : value]),
    )
  );
  if (ordered === undefined) left = left.toSorted((a, b) => textOf(a) < textOf(b) ? -1 : 1);
  if (repeating !== undefined) {
    left = left.filter((row, at) => at === 0 || textOf(row) !== textOf(left[at - 1]));
  }
  return left;
}

/** The types of what moves: whatever it is, it is of one type. */
function movingTypes(
  rows: readonly Row[],
  moving: Readonly<Record<string, string>> = {},
): string[] {
  return Object.keys(moving).flatMap((key) => {
    const values = rows.map((row) => row[key]).filter((value) => value !== null);
    const types = values.map((value) => value instanceof Date ? "date" : typeof value);
    return [...new Set(types)].map((type) => `${key}: ${type}`);
  });
}

/** Fails where rows differ in more than what is expected to move, or in the types of that. */
function assertSameRows(
  rows: readonly (readonly Row[])[],
  expected: Omit<Read, "call">,
  what: string,
) {
  for (const other of rows.slice(1)) {
    assert.deepEqual(lasting(other, expected), lasting(rows[0], expected), what);
  }
  for (const key of Object.keys(expected.moving ?? {})) {
    assert(rows[0].some((row) => key in row), `${what} has no "${key}" to move`);
  }
  const types = new Set(rows.flatMap((some) => movingTypes(some, expected.moving)));
  const keys = new Set([...types].map((type) => type.slice(0, type.indexOf(":"))));
  assert.equal(types.size, keys.size, `${what} has ${[...types].join(", ")}`);
}

/**
 * Makes a call in all ways, over TCP for row after row, at once or one after the other, and fails where they
 * differ other than expected; gives the rows.
 */
async function checkRead(
  clients: Readonly<Record<Way, DoveadmClient>>,
  { call, ...expected }: Read,
): Promise<readonly Row[]> {
  const what = `${call[0]} ${textOf((call[1] ?? {}) as Row)}`;
  const { fails, differs } = expected;
  const begun: Promise<Outcome>[] = [];
  for (const way of ways) {
    const outcome = outcomeOf((way === "tcp" ? rowsOfCall : runCall)(clients[way], call));
    begun.push(outcome);
    if (expected.inTurn !== undefined || expected.searches) await outcome;
  }
  const outcomes = await Promise.all(begun);
  if (fails !== undefined) {
    for (const outcome of outcomes) assert.deepEqual(outcome, { error: fails.error }, what);
    return [];
  }
  const others = outcomes.filter((_, at) => ways[at] !== differs?.way).map((it) =>
    rowsOf(it, what)
  );
  assertSameRows(others, expected, what);
  if (differs !== undefined) {
    const outcome = outcomes[ways.indexOf(differs.way)];
    if (differs.error !== undefined) assert.deepEqual(outcome, { error: differs.error }, what);
    else {
      assert.notDeepEqual(lasting(rowsOf(outcome, what), expected), lasting(others[0], expected));
    }
  }
  assert(expected.empty === undefined || others[0].length === 0, `${what} gives rows`);
  return others[0];
}

/** Starts a server that has something to read, and its clients; all end together. */
async function startPrepared(version: DovecotVersion) {
  const dovecot = await startFullDovecot(version);
  const place: Place = { version, folder: dovecot.folder };
  const clients = clientsOf(dovecot);
  const end = async () => {
    for (const way of ways) await clients[way].close();
    await dovecot.stop();
  };
  try {
    await prepare(clients.unix, place);
  } catch (error) {
    await end();
    throw error;
  }
  return { place, clients, [Symbol.asyncDispose]: end };
}

function exists({ since, until }: CommandInfo, version: DovecotVersion): boolean {
  return since <= version && (until === undefined || version <= until);
}

/**
 * Makes a call over a connection of its own, as Lucene's plugin needs it: it crashes at a connection's
 * second call.
 */
async function checkReadAlone(dovecot: Parameters<typeof clientsOf>[0], read: Read) {
  const clients = clientsOf(dovecot);
  try {
    const inTurn = "Lucene's plugin may crash where several processes use an index at once";
    return await checkRead(clients, { ...read, inTurn });
  } finally {
    for (const way of ways) await clients[way].close();
  }
}

for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
  const name = `UNIX, TCP and HTTP, Dovecot ${version}`;

  test(`${name} › the calls › are of all commands that read`, () => {
    const place = { version, folder: "/tmp" };
    const called = new Set(reads(place).map(({ call }) => call[0]));
    const reading = Object.values(commands).filter((info) =>
      !info.changes && exists(info, version)
    );
    assert.deepEqual(
      reading.map((info) => info.name).filter((name) => !called.has(name as never)),
      [],
    );
  });

  test(`${name} › commands that read › the same rows`, { timeout }, async () => {
    await using server = await startPrepared(version);
    const { place, clients } = server;
    // Ids that no process has.
    await tellAnvil(place, { user: "alice", pid: 4_194_305 });
    await tellAnvil(place, { user: "bob", pid: 4_194_306 });
    await tellAnvil(place, { penalty: "10.0.0.7" });
    const all = reads(place).filter(({ searches }) => version === "2.4" || !searches);
    const withRows = new Set<string>();
    for (const read of all) {
      if ((await checkRead(clients, read)).length > 0) withRows.add(read.call[0]);
    }
    // Where no call gives rows, all have a reason.
    const trivial = all.filter(({ call, empty, fails }) =>
      commands[call[0]].answer !== "nothing" && !withRows.has(call[0]) &&
      empty === undefined && fails === undefined
    );
    assert.deepEqual(trivial.map(({ call }) => call), []);
  });

  test(
    `${name} › commands that write, and failures › the same results and errors`,
    { timeout },
    async () => {
      await using server = await startPrepared(version);
      const { place, clients } = server;
      const mail = await Promise.all(
        ways.map((way) => doSteps(clients[way], way, mailWrites(place, way))),
      );
      compareSteps(mail, nameless);

      const others: Done[][] = [];
      for (const way of ways) {
        const session = startSession();
        try {
          await tellAnvil(place, { user: "dave", pid: session.pid });
          others.push(await doSteps(clients[way], way, serverWrites(place, "dave")));
          // For 2.4's anvil the session can't be kicked: it isn't of its own processes.
          if (version === "2.3") await session.ended;
        } finally {
          session.end();
        }
      }
      compareSteps(others, (row) => row);

      for (const [call, code] of failures(place)) {
        const expected = code.endsWith("Error") ? { error: code } : { error: "CommandError", code };
        const outcomes = await Promise.all(
          ways.map((way) => outcomeOf(runCall(clients[way], call))),
        );
        for (const outcome of outcomes) assert.deepEqual(outcome, expected, `${call[0]}, ${code}`);
      }
      const missing = Object.values(commands).filter((info) => !exists(info, version));
      await Promise.all(missing.map(async (info, at) => {
        const way = ways[at % ways.length];
        const outcome = await outcomeOf(runCall(clients[way], anyCallOf(info)));
        assert.deepEqual(outcome, { error: "LocalProtocolError" }, `${info.name}, ${way}`);
      }));
      assert(missing.length > 10);
    },
  );
}

test(
  "UNIX, TCP and HTTP, Dovecot 2.3 › commands that search an index › the same rows",
  { timeout },
  async () => {
    await using dovecot = await startFullDovecot("2.3", { searchIndex: true });
    const place: Place = { version: "2.3", folder: dovecot.folder };
    const index: Read = { call: ["index", { user: "alice", mailboxMask: ["INBOX"] }] };
    await checkReadAlone(dovecot, index);
    for (const read of reads(place).filter(({ searches }) => searches)) {
      const rows = await checkReadAlone(dovecot, read);
      assert.equal(rows.length > 0, commands[read.call[0]].answer === "rows", read.call[0]);
    }
  },
);

/** A step that was done. */
interface Done {
  readonly step: Step;
  readonly way: Way;
  readonly outcome: Outcome;
}

async function doSteps(
  client: DoveadmClient,
  way: Way,
  sequence: Parameters<typeof stepsOf>[0],
): Promise<Done[]> {
  const done: Done[] = [];
  for (const step of stepsOf(sequence)) {
    done.push({ step, way, outcome: await outcomeOf(runCall(client, step.call)) });
  }
  return done;
}

/** Fails where ways differ in a step's outcome. */
function compareSteps(
  sequences: readonly (readonly Done[])[],
  neutral: (row: Row, way: Way) => Row,
): void {
  for (const at of sequences[0].keys()) {
    const { differs, moving, code, call } = sequences[0][at].step;
    const what = `step ${at}, ${call[0]}`;
    const done = sequences.map((sequence) => sequence[at]);
    for (const { way, outcome } of done) {
      if (way !== differs?.way) continue;
      assert.deepEqual(outcome, { error: differs.error }, what);
    }
    const same = done.filter(({ way }) => way !== differs?.way);
    if (code !== undefined) {
      for (const { outcome } of same) {
        assert.deepEqual(outcome, { error: "CommandError", code }, what);
      }
      continue;
    }
    const rows = same.map(({ way, outcome }) =>
      rowsOf(outcome, what).map((row) => neutral(row, way))
    );
    assertSameRows(rows, { moving }, what);
  }
  assert(sequences[0].length >= 10);
}

/** A row without the way's name. */
function nameless(row: Row, way: Way): Row {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      typeof value === "string" ? value.replaceAll(way, "WAY") : value,
    ]),
  );
}

/** A call of a command that has something in all parameters that are required. */
function anyCallOf({ name, mail, parameters }: CommandInfo): DoveadmCall {
  const given = parameters.filter(({ required }) => required).map(({ name, type }) => [
    name,
    type === "array" ? ["x"] : type === "integer" ? 1 : "x",
  ]);
  return [name, {
    ...(mail ? { user: "alice" } : {}),
    ...Object.fromEntries(given),
  }] as DoveadmCall;
}
