/**
 * Typed rows of a `fetch`, beside `JSON.parse` of the same rows as Dovecot's HTTP API prints them. Rows have a number,
 * a date, a size, a list and a text. The server is in memory.
 *
 * @module
 */

import assert from "node:assert/strict";
import { encodeUtf8 } from "../core/mod.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { answering, clientOf } from "./peers/in_memory.ts";

const FIELDS = ["uid", "date.received", "size.physical", "flags", "hdr.subject"] as const;

/** The values of a row, as Dovecot prints them. */
function valuesOf(at: number): readonly string[] {
  return [
    ...[String(at + 1), String(1_767_612_600 + 60 * at), String(2_000 + at % 5_000)],
    ...["\\Answered \\Seen", `Mail ${at} of many`],
  ];
}

async function typedRows(run: Run): Promise<void> {
  const count = run.size(100_000, 10);
  const rows = Array.from({ length: count }, (_, at) => valuesOf(at));
  const reply = encodeUtf8(`${rows.map((values) => `${values.join("\t")}\t`).join("")}\n+\n`);
  const json = encodeUtf8(JSON.stringify(
    rows.map((values) => Object.fromEntries(FIELDS.map((name, at) => [name, values[at]]))),
  ));
  await using client = clientOf(answering(reply));
  const call = { user: "user0", field: FIELDS, query: ["all"] } as const;
  await run.compare({
    name: "rows of fetch",
    ...{ amount: count, unit: "rows", seconds: 5 },
    ways: {
      "JSON.parse"() {
        const found = JSON.parse(new TextDecoder().decode(json));
        assert.equal(found.length, count);
      },
      async "Doveadm.run"() {
        const found = await client.run("fetch", call);
        assert.equal(found.length, count);
        assert.equal(found[count - 1].uid, count);
      },
      async "Doveadm.rows"() {
        let found = 0;
        for await (const _ of client.rows("fetch", call)) found++;
        assert.equal(found, count);
      },
    },
    goals: { "Doveadm.run": { least: 1 } },
  });
}

/** The bench. */
export const bench: Bench = { title: "Typed rows", parts: { typedRows } };
