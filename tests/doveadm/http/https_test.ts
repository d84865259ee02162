/** HTTPS: the runtime's own `fetch` checks the certificate, and the calls are the same. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { connect, ConnectError } from "../../../mod.ts";
import { certificates } from "../../harness/certificates.ts";
import { type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { argumentsToRun } from "../../harness/this_runtime.ts";

const extraConfig = "service doveadm {\n inet_listener http {\n ssl = yes\n }\n}\n";

/**
 * The names of alice's mailboxes, requested by a program that trusts the tests' CA: Node, Deno
 * and Bun all learn of those by the environment, which they read when they start.
 */
async function mailboxes(port: number, password: string, ca: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), "https"));
  try {
    const caFile = join(folder, "ca.pem");
    const program = join(folder, "program.mts");
    await writeFile(caFile, ca);
    await writeFile(
      program,
      `import { connect } from ${JSON.stringify(new URL("../../../mod.ts", import.meta.url).href)};
      const doveadm = connect("https://localhost:${port}", { password: ${
        JSON.stringify(password)
      } });
      const rows = await doveadm.run("mailbox list", { user: "alice" });
      console.log(JSON.stringify(rows.map(({ mailbox }) => mailbox)));
      await doveadm.close();`,
    );
    const args = argumentsToRun(program);
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: caFile, DENO_CERT: caFile };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
  test(`HTTPS › Dovecot ${version} › the calls are the same, and untrusted servers get no password`, async () => {
    const { good, ca } = await certificates();
    await using dovecot = await startDovecot({ version, tls: good, extraConfig });
    const { httpPort, password } = dovecot;
    const listed = await mailboxes(httpPort, password, ca);
    assert.deepEqual([...(listed as string[])].sort(), [
      "INBOX",
      "Projects",
      "Projects/2024",
      "Sent",
    ]);
    // This process doesn't trust the CA.
    await using doveadm = connect(`https://localhost:${httpPort}`, { password });
    await assert.rejects(doveadm.run("mailbox list", { user: "alice" }), (error) => {
      assert(error instanceof ConnectError && !error.sent, String(error));
      return true;
    });
    assert.doesNotMatch(await dovecot.log(), /mailbox list.*mailbox list/s);
  });
}
