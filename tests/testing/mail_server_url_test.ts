import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type DoveadmOptions } from "../../mod.ts";
import { type MailServerOptions, startMailServer } from "../../testing/mod.ts";
import { certificates } from "../harness/certificates.ts";
import { temporaryFolder } from "../harness/sockets.ts";

/** Starts a server, and asks it at its URLs for its users. */
async function askAtUrls(options: MailServerOptions, client: DoveadmOptions = {}): Promise<URL> {
  await using server = await startMailServer({ users: { alice: {} }, ...options });
  await using doveadm = connect(server.url, client);
  assert.deepEqual(await doveadm.run("user", { userMask: ["*"] }), [{ username: "alice" }]);
  if (server.http !== undefined) {
    await using overHttp = connect(server.http.url);
    assert.deepEqual(await overHttp.run("user", { userMask: ["*"] }), [{ username: "alice" }]);
  }
  return new URL(server.url);
}

for (
  const [starttls, scheme] of [[undefined, "doveadms:"], ["required", "doveadm+starttls:"]] as const
) {
  test(`embedded server › TLS, STARTTLS ${starttls ?? "not"} › its URL has the scheme for it`, async () => {
    const { ca, good: tls } = await certificates();
    const settings = { tls, ...starttls && { starttls } };
    const { protocol } = await askAtUrls({ settings }, { tls: { caCerts: [ca] } });
    assert.equal(protocol, scheme);
  });
}

test("embedded server › it listens on all networks › its URLs are those on this machine", async () => {
  const place = { hostname: "0.0.0.0", port: 0 };
  const { hostname } = await askAtUrls({ place, http: { hostname: "0.0.0.0" } });
  assert.equal(hostname, "127.0.0.1");
});

test("embedded server › a socket's path with signs that URLs have a use for › its URL leads there", async () => {
  await using folder = await temporaryFolder();
  await askAtUrls({ place: { path: join(folder.path, "a b?c#d%41ü") } });
});

test("embedded server › a name to log in as › is in its URL", async () => {
  await using server = await startMailServer({ settings: { username: "a:b@c" } });
  assert.equal(new URL(server.url).username, "a%3Ab%40c");
});
