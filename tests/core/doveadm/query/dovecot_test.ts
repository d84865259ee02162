import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuery, QueryError } from "../../../../core/doveadm/mod.ts";
import { DoveadmConnection } from "../../../../mod.ts";
import { connect } from "../../../../transports/mod.ts";
import {
  type Dovecot,
  type DovecotVersion,
  startDovecot,
} from "../../../harness/dovecot/dovecot.ts";
import { Random } from "../../../harness/random.ts";
import { MadeUpQueries } from "./made_up_queries.ts";

/** How many queries are made up, of those that seem right and of those that seem wrong. */
const RIGHT = 700;
const WRONG = 50;

/** How many queries go over a connection at once, and how many connections are open. */
const AT_ONCE = 100;
const CONNECTIONS = 6;

// The seeds are any numbers; many thousands of queries of others were tried by hand.
for (const [version, seed] of [["2.3", 20260301], ["2.4", 20260302]] as const) {
  test(`queries › ${RIGHT + WRONG} made up ones › are taken by Dovecot ${version} where the parser takes them`, async () => {
    const [right, wrong] = queries(version, seed);
    await using dovecot = await startDovecot({
      ...{ version, users: ["alice"] },
      mail: { alice: { INBOX: ["Subject: one\n\nOne.\n"] } },
    });
    const lost = await lostOf(dovecot, right);
    const log = await dovecot.log();
    // A server that reports what is wrong has read the query; one that panics has accepted it.
    const refusals = log.split("\n").filter((line) =>
      /Fatal: /.test(line) && !/killed with signal|returned error/.test(line)
    );
    assert.deepEqual(refusals, [], lost.map((query) => JSON.stringify(query)).join("\n"));
    const taken = await takenOf(dovecot, wrong);
    assert.deepEqual(taken, []);
  });
}

/** Queries that the parser takes, and such as it refuses. */
function queries(version: DovecotVersion, seed: number): [right: string[][], wrong: string[][]] {
  const made = new MadeUpQueries(new Random(seed));
  const [right, wrong]: [string[][], string[][]] = [[], []];
  while (right.length < RIGHT || wrong.length < WRONG) {
    const query = made.next();
    if (query.length === 0) continue;
    try {
      parseQuery(query, version);
      if (right.length < RIGHT) right.push(query);
    } catch (error) {
      assert(error instanceof QueryError, String(error));
      if (wrong.length < WRONG) wrong.push(query);
    }
  }
  return [right, wrong];
}

/** The queries on which a connection ended, of those that are expected to be answered. */
async function lostOf(dovecot: Dovecot, queries: readonly string[][]): Promise<string[][]> {
  const lost: string[][] = [];
  const left = [...queries];
  await inParallel(async () => {
    while (left.length > 0) {
      const portion = left.splice(0, AT_ONCE);
      const outcomes = await ask(dovecot, portion);
      const at = outcomes.indexOf(false);
      if (at === -1) continue;
      lost.push(portion[at]);
      left.push(...portion.slice(at + 1));
    }
  });
  return lost;
}

/** The queries that were answered, of those on which a connection is expected to end. */
async function takenOf(dovecot: Dovecot, queries: readonly string[][]): Promise<string[][]> {
  const taken: string[][] = [];
  const left = [...queries];
  await inParallel(async () => {
    for (let query = left.pop(); query !== undefined; query = left.pop()) {
      const [isAnswered] = await ask(dovecot, [query]);
      if (isAnswered) taken.push(query);
    }
  });
  return taken;
}

async function inParallel(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
}

/** Searches by queries on a connection of their own, and returns which of them were answered. */
async function ask({ socket }: Dovecot, queries: readonly string[][]): Promise<boolean[]> {
  const transport = await connect({ transport: "unix", path: socket });
  await using connection = await DoveadmConnection.open(transport);
  const outcomes = await Promise.allSettled(
    queries.map((query) =>
      connection.send({ name: "search", user: "alice", args: ["--", ...query] })
    ),
  );
  return outcomes.map(({ status }) => status === "fulfilled");
}
