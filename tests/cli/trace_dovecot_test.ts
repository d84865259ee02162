/**
 * `dovewire trace --live` between a real doveadm and a real Dovecot.
 *
 * @module
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { type Dovecot, type DovecotVersion, startDovecot } from "../harness/dovecot/dovecot.ts";
import { ensureDovecot24 } from "../harness/dovecot/image.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { startLiveTrace } from "./live_trace.ts";
import { runWords } from "./run.ts";

const versions: readonly DovecotVersion[] = ["2.3", "2.4"];

/** Runs the version's doveadm; resolves to its exit code and what it printed. */
async function doveadm(
  { folder, password }: Dovecot,
  version: DovecotVersion,
  words: readonly string[],
  input = "",
): Promise<{ readonly code: number; readonly output: string }> {
  const [program, ...before] = version === "2.3"
    ? ["doveadm"]
    : ["chroot", (await ensureDovecot24()).root, "doveadm"];
  const config = ["-c", join(folder, "dovecot.conf"), "-o", `doveadm_password=${password}`];
  return await new Promise((resolve) => {
    const child = execFile(program, [...before, ...config, ...words], (error, output, stderr) => {
      const code = typeof error?.code === "number" ? error.code : 0;
      resolve({ code, output: output + stderr });
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

for (const version of versions) {
  test(`live trace › doveadm ${version} and its Dovecot › get what they get without it, and are decoded`, async () => {
    await using dovecot = await startDovecot({ version, users: ["alice"] });
    await using folder = await temporaryFolder();
    const recording = join(folder.path, "recording.jsonl");
    const direct = `127.0.0.1:${dovecot.port}`;
    await using trace = await startLiveTrace(["127.0.0.1:0", direct, "--record", recording]);
    const run = (server: string, words: readonly string[], input?: string) =>
      doveadm(dovecot, version, words.map((word) => word === "SERVER" ? server : word), input);
    for (
      const words of [
        ["mailbox", "status", "-S", "SERVER", "-u", "alice", "messages vsize", "INBOX"],
        ["mailbox", "list", "-S", "SERVER", "-u", "nobody"],
      ]
    ) {
      // Not at once: a Dovecot that first opens a mailbox twice may count no mail.
      const through = await run(trace.place, ["-f", "tab", ...words]);
      const without = await run(direct, ["-f", "tab", ...words]);
      assert.equal(through.output.replaceAll(trace.place, direct), without.output);
      assert.equal(through.code, without.code);
    }
    const save = ["save", "-S", "SERVER", "-u", "alice", "-m", "INBOX"];
    assert.equal((await run(trace.place, save, "Subject: new\n\n.dot\n")).code, 0);
    await trace.sees(/^conversation 3 ends: /m);
    const { output, errors, code } = await trace.end();

    assert.equal(code, 0);
    const minor = version === "2.3" ? 2 : 3;
    for (
      const line of [
        `1 server +0 +27 version +the server speaks 1\\.${minor}`,
        "1 client +27 +27 login +as doveadm \\(password concealed\\)",
        '1 client .* command 1 +mailbox status .*"messages vsize" INBOX for alice',
        "1 server .* value 1 +row 1 +mailbox +INBOX",
        "1 server .* value 1 +row 1 +messages +3",
        "1 server .* reply 1 +\\+ \\(3 values\\)",
        "2 server .* log +error doveadm.*User doesn't exist",
        "2 server .* reply 1 +-NOUSER \\(.* 67\\)",
        "3 client .* input 1 +Subject: new\\\\r\\\\n\\\\r\\\\n\\.dot",
      ]
    ) assert.match(output, new RegExp(`^ .*${line}`, "m"));
    if (version === "2.4") assert.match(output, /option +log-passthrough\n/);
    assert.doesNotMatch(output, /mistake|note:/);
    for (const text of [output, errors]) assert(!text.includes(dovecot.password));
    assert.equal((await runWords(["trace", recording])).output, output);
  });
}
