import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReport } from "../../scripts/test/report.ts";

const file = "tests/core/bytes_test.ts";

test("test report › as Deno, Node and Bun write it › has the same tests", () => {
  const reports = [
    `<testcase name="a" classname="./${file}" time="0.5" line="3" col="1"></testcase>`,
    `<testcase name="a" time="0.5" classname="test" file="${
      new URL(`../../${file}`, import.meta.url).pathname
    }"/>`,
    `<testcase name="a" classname="" time="0.5" file="${file}" line="9" assertions="0" />`,
  ];
  for (const report of reports) {
    assert.deepEqual(parseReport(report), [{ name: "a", file, outcome: "passed", seconds: 0.5 }]);
  }
});

test("test report › failures, errors and skipped tests › are distinguished", () => {
  const report = [
    '<testcase name="a &lt;b&gt; &amp;quot;c&amp;quot; &#x41;&#66;" time="1"/>',
    '<testcase name="failure" time="1"><failure message="x">y</failure></testcase>',
    '<testcase name="error" time="1"><error message="x"/></testcase>',
    '<testcase name="skipped" time="1"><skipped type="skipped" message="needs root"/></testcase>',
  ].join("\n");
  assert.deepEqual(parseReport(report).map(({ name, outcome }) => [name, outcome]), [
    ['a <b> "c" AB', "passed"],
    ["failure", "failed"],
    ["error", "failed"],
    ["skipped", "skipped"],
  ]);
});

test("test report › a file without a test, which Node reports as a test › fails", () => {
  const report = '<testcase name="/x/tests/nothing_test.ts" time="1" classname="test"/>';
  assert.deepEqual(parseReport(report).map(({ outcome }) => outcome), ["failed"]);
});
