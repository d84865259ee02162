import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../../core/mod.ts";
import { StderrTail } from "../../../extractor/client/stderr_tail.ts";

const secret = "correct-horse-battery-staple-0123456789";

test("stderr's end › a secret again and again › no piece of it shows, wherever the text was cut", () => {
  for (const separator of ["", "\n", "; "]) {
    for (let more = 0; more <= secret.length; more++) {
      const tail = new StderrTail([secret]);
      tail.push(encodeUtf8(`${secret}${separator}`.repeat(400)));
      tail.push(encodeUtf8("x".repeat(more)));
      const rest = tail.quoted.slice(" Its stderr ends with:\n".length).replaceAll(/[…\n; x]/g, "");
      assert.equal(rest, "", `${JSON.stringify(separator)}, and ${more} characters more`);
    }
  }
});

test("stderr's end › no secret in it › its last 4,096 characters", () => {
  const lines = Array.from({ length: 2000 }, (_, at) => `line ${at}\n`).join("");
  const tail = new StderrTail([secret]);
  tail.push(encodeUtf8(lines));
  assert.equal(tail.quoted, ` Its stderr ends with:\n…${lines.slice(-4096).trimEnd()}`);
});

test("stderr's end › a little more than is quoted, a secret in it › only the secret is missing", () => {
  const tail = new StderrTail([secret]);
  tail.push(encodeUtf8(`${"a".repeat(4090)} ${secret} end`));
  assert.equal(tail.quoted, ` Its stderr ends with:\n…${"a".repeat(4090)} … end`);
});
