/** What a cluster sends to servers of doveadm's protocol. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connector, DoveadmCluster, LocalProtocolError } from "../../../../mod.ts";
import { CommandFailure, type DoveadmServer, serve } from "../../../../doveadm/server/mod.ts";
import { connect as connectTransport } from "../../../../transports/mod.ts";
import { leavingNothing } from "../../../harness/leftovers.ts";

/** A server that refers alice to "al" at another host, and says what it gets of others. */
function serverOf(host: string, maxMinor: number): Promise<DoveadmServer> {
  const options = { hostname: "127.0.0.1", port: 0, password: "s3cret", maxMinor };
  return serve(options, ({ user, extraFields }) => {
    if (user === "alice") throw new CommandFailure("REFERRAL", { detail: `al@${host}` });
    return [`${user} with ${extraFields["proxy-ttl"]?.join() ?? "none"}`];
  });
}

for (const [minor, ttl] of [[2, "none"], [4, "4"]] as const) {
  test(`a referral over protocol 1.${minor} › commands of all kinds › have the other name, and proxy-ttl if it is known there`, async () => {
    await leavingNothing(async () => {
      await using one = await serverOf("two", minor);
      await using two = await serverOf("one", minor);
      const ports: Record<string, number> = {};
      for (const [name, { address }] of Object.entries({ one, two })) {
        assert(address.transport === "tcp");
        ports[name] = address.port;
      }
      const connector: Connector = (address, options) => {
        assert(address.transport === "tcp");
        const port = ports[address.hostname];
        return connectTransport({ transport: "tcp", hostname: "127.0.0.1", port }, options);
      };
      await using doveadm = new DoveadmCluster(["doveadm://one", "doveadm://two"], {
        ...{ password: "s3cret", allowPlaintextPassword: true, connector, routeLifetime: 0.001 },
      });
      const row = `al with ${ttl}`;
      const list = { user: "alice" };
      assert.deepEqual(await doveadm.run("mailbox list", list), [{ mailbox: row }]);
      const rows: string[] = [];
      for await (const { mailbox } of doveadm.rows("mailbox list", list)) rows.push(mailbox);
      const request = { name: "mailbox list", user: "alice" };
      rows.push(...(await doveadm.send(request)).fields);
      for await (const field of doveadm.stream(request)) rows.push(await field.text());
      assert.deepEqual(rows, [row, row, row]);
      const many = await doveadm.run("mailbox list", { userFile: "alice\nbob" });
      assert.deepEqual(many, [
        { username: "alice", mailbox: row },
        { username: "bob", mailbox: "bob with none" },
      ]);
    });
  });
}

test("a referral › that the function referral answers with what is no target › is an error", async () => {
  await using server = await serverOf("elsewhere", 4);
  assert(server.address.transport === "tcp");
  const { hostname, port } = server.address;
  for (const wrong of [5, null, true, [], {}, { path: "" }, "", "http://x"]) {
    await using doveadm = new DoveadmCluster([{ hostname, port }], {
      ...{ password: "s3cret", referral: () => wrong as never },
    });
    const refused = doveadm.run("mailbox list", { user: "alice" });
    await assert.rejects(refused, LocalProtocolError, JSON.stringify(wrong));
  }
});
