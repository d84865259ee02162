/** A relay in front of a real Dovecot: what Dovecot knows of the client, and where both have to stay in step. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { messageOf } from "../../../core/mod.ts";
import { continuation, defineCommand, ok } from "../../../imap/mod.ts";
import { type ImapRelay, serveRelay, type ServeRelayOptions } from "../../../imap/relay/mod.ts";
import { connect, listen } from "../../../transports/mod.ts";
import { type Dovecot, type DovecotOptions, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { logged } from "../../harness/dovecot/log.ts";
import { ScriptedEnd } from "../scripted_end.ts";
import { until } from "../../harness/until.ts";

const versions = ["2.3", "2.4"] as const;

/** A Dovecot with a relay in front of it. */
class Setup implements AsyncDisposable {
  readonly dovecot: Dovecot;
  readonly relay: ImapRelay;
  readonly errors: unknown[];
  readonly #clients: ScriptedEnd[] = [];

  constructor(dovecot: Dovecot, relay: ImapRelay, errors: unknown[]) {
    this.dovecot = dovecot;
    this.relay = relay;
    this.errors = errors;
  }

  /** Connects a client, to the relay or to Dovecot, and logs it in. */
  async client({ direct = false, user = "alice" } = {}): Promise<Client> {
    const port = this.dovecot.imapPort!;
    const address = { transport: "tcp", hostname: "127.0.0.1", port } as const;
    const end = new ScriptedEnd(await connect(direct ? address : this.relay.address));
    this.#clients.push(end);
    const client = new Client(end);
    await client.until(/^\* OK /);
    await client.ask(`in LOGIN ${user} ${this.dovecot.password}\r\n`, /^in OK /);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.relay.close({ timeout: 1 });
    await this.dovecot.stop();
  }
}

/** A client that reads lines. */
class Client {
  readonly end: ScriptedEnd;

  constructor(end: ScriptedEnd) {
    this.end = end;
  }

  /** Sends something; resolves to the lines up to one that matches. */
  async ask(text: string, last: RegExp): Promise<string[]> {
    await this.end.say(text);
    return await this.until(last);
  }

  /** The lines up to one that matches. */
  async until(last: RegExp): Promise<string[]> {
    const lines: string[] = [];
    do {
      const line = await this.end.line();
      assert(line !== "", `the end came instead of ${last}, after ${JSON.stringify(lines)}`);
      lines.push(line);
    } while (!last.test(lines.at(-1)!));
    return lines;
  }
}

/** The settings for mailbox metadata. */
const METADATA = {
  "2.3": "imap_metadata = yes\nmail_attribute_dict = file:%h/attributes\n",
  "2.4": `
imap_metadata = yes
mail_attribute {
  dict file {
    path = %{home}/attributes
  }
}
`,
} as const;

const PLACE = { transport: "tcp", hostname: "127.0.0.1" } as const;

async function start(
  dovecotOptions: DovecotOptions,
  options: Partial<ServeRelayOptions> = {},
): Promise<Setup> {
  const dovecot = await startDovecot({ imap: true, ...dovecotOptions });
  const errors: unknown[] = [];
  const relay = serveRelay(await listen({ ...PLACE, port: 0 }), {
    connect: ({ signal }) => connect({ ...PLACE, port: dovecot.imapPort! }, { signal }),
    refusalDelay: 0,
    onError: (error) => errors.push(error),
    ...options,
  });
  return new Setup(dovecot, relay, errors);
}

for (const version of versions) {
  test(`Dovecot ${version} › that trusts the relay › logs the client's address and session`, async () => {
    let session: string | undefined;
    await using setup = await start({ version, trusted: "127.0.0.1" }, {
      upstreamId: ({ sessionId }) => {
        session = sessionId;
        return { "x-originating-ip": "192.0.2.7", "x-session-id": sessionId! };
      },
    });
    await setup.client();
    const log = await logged(setup.dovecot, /user=<alice>.*rip=192\.0\.2\.7,/);
    assert(log.includes(`session=<${session}>`));
    assert.deepEqual(setup.errors, []);
  });

  test(`Dovecot ${version} › that doesn't trust the relay › is reported where it tells`, async () => {
    await using setup = await start({ version });
    await setup.client();
    const told = setup.errors.map(messageOf);
    if (version === "2.3") assert.deepEqual(told, []);
    else assert.match(told.join(), /doesn't trust/);
  });

  test(`Dovecot ${version} › literals refused, wrong or answered early › stays in step`, async () => {
    await using setup = await start({ version, quota: "100k" });
    const client = await setup.client();
    const large = "x".repeat(200_000);
    const cases: readonly (readonly [string, RegExp])[] = [
      ["a APPEND nosuch {8+}\r\nx NOOP\r\n\r\n", /^a NO \[TRYCREATE\]/],
      ['a APPEND INBOX "bad date" {8+}\r\nx NOOP\r\n\r\n', /^a BAD /],
      ["a APPEND INBOX x {8+}\r\nx NOOP\r\n\r\n", /^a BAD /],
      ["a APPEND INBOX (x {8+}\r\nx NOOP\r\n) {2+}\r\nhi\r\n", /^a BAD /],
      ["a APPEND INBOX {2+}\r\nhi x {8+}\r\nx NOOP\r\n\r\n", /^a BAD /],
      ["a APPEND INBOX {2+}\r\nhi)(\r\n", /^a BAD /],
      ["a APPEND INBOX {2+}\r\nhi {3}x\r\n", /^a BAD /],
      ["a APPEND {5+}\r\nINBOX x\r\n", /^a BAD /],
      ["a APPEND INBOX CATENATE (TEXT {2+}\r\nhi x {8+}\r\nx NOOP\r\n)\r\n", /^a BAD /],
      ["a APPEND INBOX CATENATE (URL {3+}\r\nbad x {8+}\r\nx NOOP\r\n)\r\n", /^a (BAD|NO) /],
      ["a APPEND INBOX CATENATE (URL {11+}\r\nx\r\n+ go\r\n* x)\r\n", /^a (BAD|NO) /],
      ["a APPEND INBOX CATENATE (x {8+}\r\nx NOOP\r\n)\r\n", /^a BAD /],
      ["a APPEND INBOX CATENATE {8+}\r\nx NOOP\r\n\r\n", /^a BAD /],
      ["a APPEND INBOX {0+}\r\n\r\n", /^a NO /],
      [`a APPEND INBOX {${large.length}+}\r\n${large}\r\n`, /^a NO \[OVERQUOTA\]/],
      ["a SEARCH (TEXT {2+}\r\nhi x\r\n", /^a BAD /],
      ["a CREATE x {8+}\r\nx NOOP\r\n\r\n", /^a (OK|NO|BAD) /],
      ["a SELECT nosuch {8+}\r\nx NOOP\r\n\r\n", /^a (NO|BAD) /],
      // Dovecot repeats these strings: what follows the line end would grant a literal that it refuses.
      ["a SORT ({15+}\r\nx\r\n+ go\r\n* OK x) UTF-8 ALL\r\n", /^a BAD /],
      ["a UID SEARCH {15+}\r\nx\r\n+ go\r\n* OK x\r\n", /^a BAD /],
      ["a NOOP {8+}\r\nx NOOP\r\n\r\n", /^a BAD /],
      ["a IDLE\r\nx NOOP {8+}\r\ny NOOP\r\n\r\n", /^a BAD Expected DONE/],
      ["a] NOOP\r\n", /^a\] BAD /],
    ];
    for (const [command, answer] of cases) {
      const lines = await client.ask(command, answer);
      // What follows is answered, and nothing else is.
      const rest = await client.ask("n NOOP\r\n", /^n OK /);
      const tags = [...lines, ...rest].map((line) => line.split(" ")[0]);
      assert.deepEqual(tags.filter((tag) => !/^[*+]$/.test(tag)), [tags.at(lines.length - 1), "n"]);
      assert(![...lines, ...rest].some((line) => /^\* BAD/.test(line)), `${command}: ${rest}`);
    }
    assert.deepEqual(setup.errors.filter((error) => !/doesn't trust/.test(messageOf(error))), []);
  });

  test(`Dovecot ${version} › that doesn't read on after a literal that it refused › loses no command, or ends`, async () => {
    await using setup = await start({ version, extraConfig: METADATA[version] });
    const client = await setup.client();
    const skipping = [
      "a SETMETADATA INBOX (/private/x ({8+}\r\nx NOOP\r\n))\r\n",
      "a APPEND nosuch CATENATE (URL {8+}\r\nx NOOP\r\n)\r\n",
    ];
    for (const command of skipping) {
      const lines = await client.ask(`${command}n NOOP\r\n`, /^n /);
      assert.match(lines[0], /^a (NO|BAD) /);
      assert.match(lines.at(-1)!, /^n OK /);
      assert.equal(lines.length, 2, lines.join(""));
    }
    // It asks for this one's literal after its answer.
    await client.end.say("a SETMETADATA INBOX (/bad x {3+}\r\nabc)\r\nn NOOP\r\n");
    await client.until(/^\* BYE /);
    await client.end.closesAtTheEnd();
  });

  test(`Dovecot ${version} › a wrong password › delays no other client`, async () => {
    await using setup = await start({ version, trusted: "127.0.0.1" }, {
      // Each client has an address of its own.
      upstreamId: ({ peer }) => ({
        "x-originating-ip": `192.0.2.${Number(peer.slice(peer.lastIndexOf(":") + 1)) % 250 + 1}`,
      }),
      refusalDelay: 3_600_000,
    });
    const wrong = new ScriptedEnd(await connect(setup.relay.address));
    await wrong.line();
    await wrong.say("a LOGIN alice wrong\r\n");
    await until(() => setup.errors.length > 0);
    await setup.client();
    await setup.client({ user: "bob" });
    await wrong.close();
  });

  test(`Dovecot ${version} › mail that comes while a custom command runs › is told meanwhile`, async () => {
    const xwait = defineCommand(
      { name: "XWAIT", states: ["selected"], isLongRunning: true },
      async function* (_args, { mailbox }, { done }) {
        yield continuation(`waiting in ${mailbox}`);
        await done;
        return ok("Waited.");
      },
    );
    await using setup = await start({ version }, { commands: [xwait] });
    const client = await setup.client();
    assert.match((await client.ask("a XWAIT\r\n", /^a /)).join(), /BAD/);
    await client.ask("b SELECT INBOX\r\nc XWAIT\r\n", /^\+ waiting in INBOX\r/);
    const other = await setup.client({ direct: true });
    await other.ask("a APPEND INBOX {5+}\r\nhello\r\n", /^a OK /);
    await client.until(/^\* 4 EXISTS\r/);
    await client.ask("DONE\r\nd NOOP\r\n", /^d OK /);
    // A client that leaves in the middle leaves nothing behind.
    await client.ask("e XWAIT\r\n", /^\+ /);
    await client.end.close();
    await until(() => setup.relay.connections === 0);
  });

  test(`Dovecot ${version} › stops › its BYE reaches the client`, async () => {
    await using setup = await start({ version });
    const client = await setup.client();
    await client.ask("a IDLE\r\n", /^\+ /);
    const stopping = setup.dovecot.stop();
    await client.until(/^\* BYE /);
    await client.end.closesAtTheEnd();
    await stopping;
  });
}
