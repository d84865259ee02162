import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchedRows } from "../../../doveadm/client/row_batches.ts";
import type { Row } from "../../../doveadm/client/typed_call.ts";

/** Batches of some sizes, and then an error if there is one; `ended` is called when they are no longer needed. */
async function* batches(
  sizes: readonly number[],
  { error, ended = () => {} }: { error?: Error; ended?: () => void } = {},
): AsyncGenerator<readonly Row[], void, void> {
  let id = 0;
  try {
    for (const size of sizes) {
      await new Promise((resolve) => setTimeout(resolve));
      yield Array.from({ length: size }, () => ({ id: id++ }));
    }
    if (error !== undefined) throw error;
  } finally {
    ended();
  }
}

/** The rows of batches by the language's own means. */
async function* plainly(
  given: AsyncGenerator<readonly Row[], void, void>,
): AsyncGenerator<Row, void, void> {
  for await (const batch of given) for (const row of batch) yield row;
}

type Rows = AsyncGenerator<Row, void, void>;

const uses: Readonly<Record<string, (rows: Rows) => readonly Promise<unknown>[]>> = {
  "many next() at once": (rows) => Array.from({ length: 9 }, () => rows.next()),
  "return() first": (rows) => [rows.return(), rows.next()],
  "return() among them": (rows) => [rows.next(), rows.next(), rows.return(), rows.next()],
  "throw() first": (rows) => [rows.throw(new Error("mine")), rows.next()],
  "throw() among them": (rows) => [rows.next(), rows.throw(new Error("mine")), rows.next()],
};

for (const [name, use] of Object.entries(uses)) {
  test(`batched rows › ${name} › as with an async generator`, async () => {
    for (const error of [undefined, new Error("theirs")]) {
      for (const sizes of [[], [1], [2, 0, 3], [4, 1]]) {
        const outcome = async (make: (given: ReturnType<typeof batches>) => Rows) => {
          let endings = 0;
          const given = batches(sizes, { error, ended: () => endings++ });
          const results = await Promise.allSettled(use(make(given)));
          return { results, endings };
        };
        assert.deepEqual(
          await outcome((given) => new BatchedRows(given)),
          await outcome(plainly),
          `${sizes}`,
        );
      }
    }
  });
}

test("batched rows › one after the other, in a loop that is left › the batches are ended", async () => {
  let endings = 0;
  const seen: unknown[] = [];
  for await (const { id } of new BatchedRows(batches([2, 3, 4], { ended: () => endings++ }))) {
    seen.push(id);
    if (id === 3) break;
  }
  assert.deepEqual(seen, [0, 1, 2, 3]);
  assert.equal(endings, 1);
});
