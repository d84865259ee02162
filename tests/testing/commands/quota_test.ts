import assert from "node:assert/strict";
import { test } from "node:test";
import { MailSystem, type QuotaOptions } from "../../../testing/mail_system.ts";
import { answersOf } from "../answers.ts";

/** The reply of "quota get" for mails of these sizes. */
function quotaOf(sizes: readonly number[], quota?: QuotaOptions): Promise<readonly string[]> {
  const mails = sizes.map((size) => new Uint8Array(size));
  const users = { alice: { mailboxes: { INBOX: mails.slice(1), a: mails.slice(0, 1) }, quota } };
  return answersOf(new MailSystem({ users }))("quota get");
}

test("quota › get › returns usage, limit and percentage", async () => {
  const name = "User quota";
  for (
    const [sizes, quota, storage, messages] of [
      [[], undefined, ["0", "-", "0"], ["0", "-", "0"]],
      [[1], {}, ["1", "-", "0"], ["1", "-", "0"]],
      [[1000, 24], {}, ["1", "-", "0"], ["2", "-", "0"]],
      [[1000, 25], { bytes: 10_240 }, ["2", "10", "20"], ["2", "-", "0"]],
      [[1], { bytes: 10_241 }, ["1", "11", "9"], ["1", "-", "0"]],
      [[1, 1], { bytes: 1, messages: 3 }, ["1", "1", "100"], ["2", "3", "66"]],
      [[3000, 1], { bytes: 1024, messages: 1 }, ["3", "1", "300"], ["2", "1", "200"]],
    ] as const
  ) {
    assert.deepEqual(
      await quotaOf(sizes, quota),
      [name, "STORAGE", ...storage, name, "MESSAGE", ...messages],
      JSON.stringify([sizes, quota]),
    );
  }
  assert.equal((await quotaOf([], { name: "Mail" }))[0], "Mail");
});

test("quota › several users and invalid arguments › add a column, and fail", async () => {
  const answers = answersOf(new MailSystem({ users: { alice: {} } }));
  assert.deepEqual(await answers("quota get", ["-A"]), [
    ...["alice", "User quota", "STORAGE", "0", "-", "0"],
    ...["alice", "User quota", "MESSAGE", "0", "-", "0"],
  ]);
  assert.deepEqual(await answers("quota get", ["x"]), ["-USAGE"]);
  assert.deepEqual(await answers("quota recalc"), []);
  assert.deepEqual(await answers("quota recalc", [], "zoe"), ["-NOUSER"]);
});
