import assert from "node:assert/strict";
import { test } from "node:test";
import { findTests } from "../../scripts/test/files.ts";
import { companyOf, isPlanned, isUnit, NAMED, RUNTIMES } from "../../scripts/test/plan.ts";

test("test plan › every test file › runs on at least one runtime", async () => {
  const left = (await findTests([])).filter((file) =>
    !RUNTIMES.some((runtime) =>
      isPlanned("all", runtime, file) || isPlanned("packages", runtime, file)
    )
  );
  assert.deepEqual(left.map(({ path }) => path), []);
});

test("test plan › a path or pattern in it › matches a file", async () => {
  const paths = (await findTests([])).map(({ path }) => path);
  const stale = NAMED.filter((named) =>
    !paths.some((path) => typeof named === "string" ? named === path : named.test(path))
  );
  assert.deepEqual(stale, []);
});

test("test plan › a test that starts a program, also by its imports › is no unit test", async () => {
  const files = await findTests([]);
  const find = (path: string) => files.find((file) => file.path === path) ?? assert.fail(path);
  for (
    const path of [
      "tests/doveadm/client/everywhere_test.ts",
      "tests/doveadm/server/load_test.ts",
      "tests/extractor/client/process_test.ts",
      "tests/extractor/messages/generated_test.ts",
      "tests/transports/tls_test.ts",
      "tests/npm/npm_test.ts",
    ]
  ) assert(!isUnit(find(path)), path);
  for (const path of ["tests/core/bytes_test.ts", "tests/doveadm/server/serve_test.ts"]) {
    assert(isUnit(find(path)), path);
  }
  assert(find("tests/doveadm/client/everywhere_test.ts").needsDovecot);
  assert(!find("tests/doveadm/server/load_test.ts").needsDovecot);
  assert(find("tests/npm/npm_test.ts").needsPackage);
});

test("test plan › files that share a process › are short ones of the same kind", async () => {
  const files = await findTests([]);
  const company = (path: string) =>
    companyOf(files.find((file) => file.path === path) ?? assert.fail(path));
  assert.equal(company("tests/core/bytes_test.ts"), "unit tests");
  assert.equal(company("tests/transports/tls_test.ts"), "programs");
  assert.equal(company("tests/doveadm/client/faults_test.ts"), "Dovecots");
  assert.equal(company("tests/transports/transports_test.ts"), undefined);
  assert.equal(company("tests/doveadm/http/memory_test.ts"), undefined);
  for (const file of files.filter(({ needsPackage }) => needsPackage)) {
    assert.equal(companyOf(file), undefined, file.path);
  }
});
