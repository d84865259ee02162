/**
 * The relay of the example in front of real servers of both versions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { startRelay } from "../../../examples/imap_relay.ts";
import { checkConfig, ConfigError } from "../../../examples/imap_relay/config.ts";
import { MemoryKeyStore } from "../../../examples/xkeysync/memory_key_store.ts";
import { showMailAndKeys } from "../../../examples/xkeysync/mail_and_keys.ts";
import { ImapClient } from "../../../imap/mod.ts";
import type { ImapRelay } from "../../../imap/relay/mod.ts";
import { connect } from "../../../mod.ts";
import { certificates } from "../../harness/certificates.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { logged } from "../../harness/dovecot/log.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { ScriptedEnd } from "../../imap/scripted_end.ts";
import { connect as connectTransport } from "../../../transports/mod.ts";
import { createKeys } from "../xkeysync/keys.ts";

const VERSIONS: readonly DovecotVersion[] = ["2.3", "2.4"];

const anyPort = { hostname: "127.0.0.1", port: 0 };

function upstreamOf({ imapPort }: Dovecot) {
  return { hostname: "127.0.0.1", port: imapPort! };
}

function targetOf({ address }: ImapRelay) {
  assert(address.transport === "tcp");
  return { hostname: address.hostname, port: address.port };
}

/** Resolves when an event has come for which the condition holds. */
class Waiting<Item> {
  #seen: Item[] = [];
  #wake: () => void = () => {};

  readonly add = (item: Item): void => {
    this.#seen.push(item);
    this.#wake();
  };

  async until(condition: (seen: readonly Item[]) => boolean): Promise<void> {
    while (!condition(this.#seen)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Settings by which whoever gives the password "renamed" is bob. */
const renaming: Readonly<Record<DovecotVersion, string>> = {
  "2.3": `
passdb {
  driver = static
  args = password=renamed user=bob
}
`,
  "2.4": `
passdb renaming {
  driver = static
  static_password = renamed
  fields {
    user = bob
  }
}
`,
};

for (const version of VERSIONS) {
  const name = `imap_relay.ts › Dovecot ${version} ›`;

  test(`${name} a user in another case › has the keys of Dovecot's own name for her`, async () => {
    await using dovecot = await startDovecot({ version, imap: true, trusted: "127.0.0.1" });
    const store = new MemoryKeyStore();
    const errors: unknown[] = [];
    await using relay = await startRelay(
      checkConfig({
        listen: anyPort,
        upstream: upstreamOf(dovecot),
        commands: ["xkeysync"],
        doveadm: { url: `doveadm+unix://${dovecot.socket}` },
      }),
      { store, onError: (error) => void errors.push(error) },
    );
    const [key] = await createKeys(1);
    for (const username of ["ALICE", "alice"]) {
      await using client = await ImapClient.connect(targetOf(relay), {
        username,
        password: dovecot.password,
      });
      assert(client.hasCapability("XKEY"));
      assert(!client.hasCapability("COMPRESS=DEFLATE"));
      if (username === "ALICE") await client.command("XKEYADD", [key.pem]);
      let created = 0;
      for await (const response of client.longCommand("XKEYSYNC")) {
        if (response.type === "untagged" && response.values.length === 2) created++;
        if (response.type === "continuation") break;
      }
      assert.equal(created, 1, username);
    }
    assert.deepEqual(await store.list("alice"), [key]);
    assert.deepEqual(errors, []);
  });

  test(`${name} a passdb that renames users › shows nowhere, so that it takes a hook of one's own`, async () => {
    const extraConfig = renaming[version];
    await using dovecot = await startDovecot({ version, imap: true, extraConfig });
    const store = new MemoryKeyStore();
    await using relay = await startRelay(
      checkConfig({
        listen: anyPort,
        upstream: upstreamOf(dovecot),
        commands: ["xkeysync"],
        doveadm: { url: `doveadm+unix://${dovecot.socket}` },
      }),
      { store },
    );
    const renamed = { username: "alice", password: "renamed" };
    await using client = await ImapClient.connect(targetOf(relay), renamed);
    const [key] = await createKeys(1);
    await client.command("XKEYADD", [key.pem]);
    // Dovecot logs bob in, and doveadm, which asks the userdb, tells of alice.
    await logged(dovecot, /imap-login: .*user=<bob>/);
    assert.deepEqual(await store.list("alice"), [key]);
    assert.deepEqual(await store.list("bob"), []);
  });

  test(`${name} Splintermail's client › gets what it needs, and nothing else`, async () => {
    await using dovecot = await startDovecot({ version, imap: true, trusted: "127.0.0.1" });
    await using doveadm = connect({ path: dovecot.socket });
    const store = new MemoryKeyStore();
    const upstream = upstreamOf(dovecot);
    const config = checkConfig({ listen: anyPort, upstream, commands: ["xkeysync"] });
    await using relay = await startRelay(config, { store });
    const [own, peer] = await createKeys(2);
    const logIn = async () => {
      const address = { transport: "tcp", ...targetOf(relay) } as const;
      const client = new ScriptedEnd(await connectTransport(address));
      await client.line();
      await client.say(`L LOGIN alice ${dovecot.password}\r\n`);
      const [, list] = /^L OK \[CAPABILITY ([^\]]*)\]/.exec(await client.line())!;
      const needed = ["ENABLE", "UNSELECT", "IDLE", "UIDPLUS", "QRESYNC", "CONDSTORE", "XKEY"];
      for (const capability of needed) assert(list.split(" ").includes(capability), list);
      return client;
    };
    // It learns that its own key is unknown, and adds it.
    const first = await logIn();
    await first.say(`a XKEYSYNC ${own.fingerprint} ${peer.fingerprint}\r\nDONE\r\n`);
    const gone = [own, peer].map((key) => `* XKEYSYNC DELETED ${key.fingerprint}\r\n`);
    await first.hears(`${gone.join("")}* XKEYSYNC OK\r\n+ OK\r\na OK xkeysync complete\r\n`);
    await first.say(`b XKEYADD {${own.pem.length}+}\r\n${own.pem}\r\n`);
    await first.hears(`b OK [XKEYADD ${own.fingerprint}] key added\r\n`);
    await first.say("c LOGOUT\r\n");
    await first.hearsTheEnd();
    // A second connection lasts, and gets nothing but changes to the keys.
    const second = await logIn();
    await second.say(`a XKEYSYNC ${own.fingerprint}\r\n`);
    await second.hears("+ OK\r\n");
    await doveadm.run("save", { user: "alice", file: "Subject: news\n\nhello\n" });
    await store.add("alice", peer);
    await second.hears(
      `* XKEYSYNC CREATED {${peer.pem.length}}\r\n${peer.pem}\r\n* XKEYSYNC OK\r\n`,
    );
    await second.say("DONE\r\n");
    await second.hears("a OK xkeysync complete\r\n");
    await second.close();
  });

  test(`${name} TLS and STARTTLS on both sides › encrypt`, async () => {
    const { ca, good } = await certificates();
    await using dovecot = await startDovecot({
      version,
      imap: true,
      tls: good,
      trusted: "127.0.0.1",
    });
    await using temporary = await temporaryFolder();
    const files = { cert: good.cert, key: good.key, ca };
    const paths: Record<string, string> = {};
    for (const [file, text] of Object.entries(files)) {
      paths[file] = join(temporary.path, `${file}.pem`);
      await writeFile(paths[file], text);
    }
    const { cert, key } = paths;
    const trust = { caCerts: paths.ca, serverName: "localhost" };
    const tls = { caCerts: [ca], serverName: "localhost" };
    const alice = { username: "alice", password: dovecot.password };
    const byTls = { ...anyPort, port: dovecot.imapTlsPort!, tls: trust };
    const byStartTls = {
      ...upstreamOf(dovecot),
      tls: { ...trust, starttls: "required" },
    };
    const sides = [
      { listen: { ...anyPort, tls: { cert, key } }, upstream: byStartTls },
      { listen: { ...anyPort, tls: { cert, key, starttls: "required" } }, upstream: byTls },
    ];
    for (const { listen, upstream } of sides) {
      const config = checkConfig({ listen, upstream, commands: ["xkeysync"] });
      await using relay = await startRelay(config);
      const isTls = config.listen.tls!.starttls === undefined;
      const options = { ...alice, tls, ...(isTls ? {} : { starttls: "required" as const }) };
      await using client = await ImapClient.connect({ ...targetOf(relay), tls: isTls }, options);
      await client.command("SELECT", ["INBOX"]);
      await client.logout();
    }
    await logged(dovecot, /imap-login: .*user=<alice>.*TLS/, 2);
  });

  test(`${name} mail by imapflow and keys by dovewire › over one relay, with news of both`, async () => {
    await using dovecot = await startDovecot({ version, imap: true, trusted: "127.0.0.1" });
    await using doveadm = connect({ path: dovecot.socket });
    const store = new MemoryKeyStore();
    await using relay = await startRelay(
      checkConfig({ listen: anyPort, upstream: upstreamOf(dovecot), commands: ["xkeysync"] }),
      { store },
    );
    const mails = new Waiting<string>();
    const keys = new Waiting<readonly string[]>();
    const stop = new AbortController();
    const account = { ...targetOf(relay), username: "alice", password: dovecot.password };
    const shown = showMailAndKeys(account, {
      onMail: mails.add,
      onKeys: (all) => keys.add([...all.keys()]),
      signal: stop.signal,
    });
    await keys.until((seen) => seen.at(-1)?.length === 0);
    await mails.until((seen) => seen.length === 3);
    const [key] = await createKeys(1);
    await store.add("alice", key);
    await keys.until((seen) => seen.at(-1)?.[0] === key.fingerprint);
    await doveadm.run("save", { user: "alice", file: "Subject: some news\n\nhello\n" });
    await mails.until((seen) => seen.includes("some news"));
    await store.remove("alice", key.fingerprint);
    await keys.until((seen) => seen.at(-1)?.length === 0);
    stop.abort();
    await shown;
  });
}

test("imap_relay.ts › a user whom doveadm doesn't know › can't log in", async () => {
  await using dovecot = await startDovecot({ imap: true, users: ["alice"] });
  await using other = await startDovecot({ users: ["bob"] });
  const errors: string[] = [];
  await using relay = await startRelay(
    checkConfig({
      listen: anyPort,
      upstream: upstreamOf(dovecot),
      commands: ["xkeysync"],
      doveadm: { url: `doveadm+unix://${other.socket}` },
    }),
    { onError: (error) => void errors.push(String(error)) },
  );
  const alice = { username: "alice", password: dovecot.password };
  await assert.rejects(ImapClient.connect(targetOf(relay), alice));
  assert(errors.some((error) => /alice|NOUSER/.test(error)), errors.join("\n"));
});

test("imap_relay.ts › a store of one's own › is opened by its module, or the error says why not", async () => {
  await using dovecot = await startDovecot({ imap: true });
  await using temporary = await temporaryFolder();
  const memory = new URL("../../../examples/xkeysync/memory_key_store.ts", import.meta.url).href;
  const good = join(temporary.path, "good.ts");
  await writeFile(
    good,
    `import { MemoryKeyStore } from ${JSON.stringify(memory)};\n` +
      "export function openKeyStore() { return new MemoryKeyStore({ maxKeys: 1 }); }\n",
  );
  const config = { listen: anyPort, upstream: upstreamOf(dovecot), commands: ["xkeysync"] };
  await using relay = await startRelay(checkConfig({ ...config, store: good }));
  await using client = await ImapClient.connect(targetOf(relay), {
    username: "alice",
    password: dovecot.password,
  });
  const [one, two] = await createKeys(2);
  await client.command("XKEYADD", [one.pem]);
  await assert.rejects(client.command("XKEYADD", [two.pem]), /max devices already reached/);
  const bad = join(temporary.path, "bad.ts");
  await writeFile(bad, "export const nothing = 1;\n");
  const empty = join(temporary.path, "empty.ts");
  await writeFile(empty, "export function openKeyStore() { return { list() {} }; }\n");
  await assert.rejects(
    startRelay(checkConfig({ ...config, store: empty })),
    /what openKeyStore\(\) returns lacks add\(\), remove\(\), watch\(\)\./,
  );
  for (const store of [bad, join(temporary.path, "none.ts")]) {
    await assert.rejects(startRelay(checkConfig({ ...config, store })), (error: Error) => {
      assert(error instanceof ConfigError);
      assert.match(error.message, /"store" .*openKeyStore\(\)/);
      return true;
    });
  }
  const tls = { cert: pathToFileURL(bad).pathname, key: join(temporary.path, "none.pem") };
  const listen = { ...anyPort, tls };
  await assert.rejects(startRelay(checkConfig({ ...config, listen })), /"listen\.tls\.key"/);
});
