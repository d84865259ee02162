import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTimes, run } from "../../scripts/test/processes.ts";

/** A program that computes in a child for at least some hundredths of a second, and ends with a status. */
const busy = (status: number) =>
  `sh -c 'for at in $(seq 100000); do :; done; exit 0'; exit ${status}`;

test("processes › a program that is measured › has its children's CPU time and its own ending", async () => {
  for (const status of [0, 3]) {
    const { problem, isLate, cpu } = await run("sh", ["-c", busy(status)], {
      ...{ timeout: 60_000, isMeasured: true },
    });
    assert.equal(problem, status === 0 ? undefined : "ended with exit status 3");
    assert(!isLate);
    assert(cpu !== undefined && cpu.user > 0, JSON.stringify(cpu));
  }
});

test("processes › a program that isn't measured › has no CPU time", async () => {
  const { problem, cpu } = await run("true", [], { timeout: 60_000 });
  assert.deepEqual([problem, cpu], [undefined, undefined]);
});

test("processes › a measured program that takes too long › is asked to end, and may", async () => {
  const program = "trap 'kill $!; exit 7' TERM; sleep 60 & wait";
  const { problem, isLate } = await run("sh", ["-c", program], {
    ...{ timeout: 2_000, isMeasured: true },
  });
  assert(isLate);
  assert.equal(problem, "took longer than 2 s and was killed");
});

test("processes › what bash prints of times › is read in seconds", () => {
  assert.deepEqual(parseTimes("0m0.250s 0m0.500s\n1m2.500s 0m3.000s\n"), {
    user: 62.75,
    system: 3.5,
  });
  assert.equal(parseTimes(""), undefined);
  assert.equal(parseTimes("0m0.250s 0m0.500s\n"), undefined);
});
