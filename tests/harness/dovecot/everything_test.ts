import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { get, request } from "node:http";
import { test } from "node:test";
import { startDovecot } from "./dovecot.ts";
import type { Dovecot, DovecotVersion } from "./dovecot.ts";
import { ask, RAW } from "./wire.ts";

const VERSIONS: readonly DovecotVersion[] = ["2.3", "2.4"];

/** A response of a server's HTTP API; with a body the request runs commands. */
function askApi(
  { httpPort }: Dovecot,
  authorization: string | undefined,
  body?: string,
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      ...{ host: "127.0.0.1", port: httpPort, path: "/doveadm/v1", agent: false },
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
    };
    const sent = body === undefined ? get(options) : request({ ...options, method: "POST" });
    sent.setTimeout(60_000, () => sent.destroy(new Error("nothing came for a minute")));
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => text += chunk);
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    sent.end(body);
  });
}

function basic(password: string): string {
  return `Basic ${Buffer.from(`doveadm:${password}`).toString("base64")}`;
}

/** The names of all commands, as the HTTP API writes them: "mailboxList". */
async function commandsOf(dovecot: Dovecot): Promise<readonly string[]> {
  const { status, text } = await askApi(dovecot, basic(dovecot.password));
  assert.equal(status, 200, text);
  return JSON.parse(text).map(({ command }: { command: string }) => command);
}

for (const version of VERSIONS) {
  test(`Dovecot ${version} › HTTP API › accepts the password or the key`, async () => {
    const dovecot = await startDovecot({ version });
    try {
      const commands = await commandsOf(dovecot);
      assert.ok(commands.includes("mailboxList") && commands.includes("quotaGet"));
      // Only `everything` has them.
      assert.ok(!commands.some((name) => /^(acl|fts|mailboxCryptokey)/.test(name)));
      const run = JSON.stringify([["mailboxList", { user: "bob" }, "tag"]]);
      const key = `X-Dovecot-API ${Buffer.from(dovecot.apiKey).toString("base64")}`;
      for (const right of [key, basic(dovecot.password)]) {
        const { status, text } = await askApi(dovecot, right, run);
        assert.equal(status, 200, text);
        assert.deepEqual(JSON.parse(text), [["doveadmResponse", [{ mailbox: "INBOX" }], "tag"]]);
      }
      for (const wrong of [undefined, basic("wrong"), `${key}x`]) {
        // Without a body: with one, 2.3 doesn't always answer.
        assert.equal((await askApi(dovecot, wrong)).status, 401);
      }
    } finally {
      await dovecot.stop();
    }
  });
}

/** The commands that `everything` adds, and those of Sieve and metadata. */
const COMMANDS: Readonly<Record<DovecotVersion, readonly string[]>> = {
  "2.3": [
    ...["aclGet", "aclRights", "aclSet", "aclAdd", "aclRemove", "aclDelete"],
    ...["aclRecalc", "aclDebug", "quotaGet", "quotaRecalc"],
    ...["sieveList", "sieveGet", "sievePut", "sieveDelete"],
    ...["sieveActivate", "sieveDeactivate", "sieveRename"],
    ...["ftsLookup", "ftsExpand", "ftsTokenize", "ftsOptimize", "ftsRescan"],
    ...["mailboxCryptokeyGenerate", "mailboxCryptokeyList"],
    ...["mailboxCryptokeyExport", "mailboxCryptokeyPassword"],
    ...["mailboxMetadataSet", "mailboxMetadataGet", "mailboxMetadataList"],
    ...["dictGet", "fsGet", "statsDump", "replicatorStatus", "directorStatus"],
  ],
  "2.4": [
    ...["aclGet", "aclRights", "aclSet", "aclAdd", "aclRemove", "aclDelete"],
    ...["aclRecalc", "aclDebug", "quotaGet", "quotaRecalc"],
    ...["sieveList", "sieveGet", "sievePut", "sieveDelete"],
    ...["sieveActivate", "sieveDeactivate", "sieveRename"],
    ...["ftsLookup", "ftsExpand", "ftsTokenize", "ftsOptimize", "ftsRescan"],
    ...["ftsFlatcurveCheck", "ftsFlatcurveRemove", "ftsFlatcurveRotate", "ftsFlatcurveStats"],
    ...["mailboxCryptokeyGenerate", "mailboxCryptokeyList"],
    ...["mailboxCryptokeyExport", "mailboxCryptokeyPassword"],
    ...["mailboxMetadataSet", "mailboxMetadataGet", "mailboxMetadataList"],
    ...["dictGet", "fsGet", "mailDictGet", "mailFsGet", "statsDump"],
  ],
};

/** A command for a user ("" for none), and its whole reply, with the folder as "DIR". */
type Exchange = readonly [user: string, command: string, answer: string | RegExp];

const OK = "\n+\n";

/** Commands alike in both versions; those for dictionary and filesystem differ in name. */
function common(dict: string, fs: string): readonly Exchange[] {
  return [
    ["", `dict set\t-u\talice\t${dict}\tpriv/color\tblue`, OK],
    ["", `dict get\t-u\talice\t${dict}\tpriv/color`, "blue\t\n+\n"],
    ["", `dict set\t${dict}\tshared/n\t1`, OK],
    ["", `dict inc\t${dict}\tshared/n\t41`, OK],
    ["", `dict iter\t${dict}\tshared/`, "shared/n\t42\t\n+\n"],
    ["", `dict unset\t${dict}\tshared/n`, OK],
    ["", `dict get\t${dict}\tshared/n`, "\n-NOTFOUND\n"],
    ["", `fs put\t${fs}\tDIR/passwd\tsub/one`, OK],
    ["", `fs get\t${fs}\tsub/one`, /^alice:\{PLAIN\}/],
    ["", `fs copy\t${fs}\tsub/one\ttwo`, OK],
    ["", `fs stat\t${fs}\ttwo`, /^two\t\d+\t\n\+\n$/],
    ["", `fs metadata\t${fs}\ttwo`, /OrigPath\ttwo\t\n\+\n$/],
    ["", `fs iter\t${fs}\t`, "two\t\n+\n"],
    ["", `fs iter-dirs\t${fs}\t`, "sub\t\n+\n"],
    ["", `fs delete\t-R\t${fs}\tsub`, OK],
    ["", `fs get\t${fs}\tsub/one`, /-NOTFOUND\n$/],
    ["alice", "acl set\tProjects\tuser=bob\tlookup\tread", OK],
    ["alice", "acl add\tProjects\tuser=bob\twrite", OK],
    ["alice", "acl remove\tProjects\tuser=bob\tread", OK],
    ["alice", "acl get\tProjects", "user=bob\t\tlookup write\t\n+\n"],
    ["alice", "acl rights\tProjects", /^lookup read .*admin\t\n\+\n$/],
    ["alice", "acl recalc", OK],
    ["alice", "acl delete\tProjects\tuser=bob", OK],
    ["alice", "acl get\tProjects", OK],
    ["alice", "mailbox metadata set\tINBOX\t/private/comment\tmine", OK],
    ["alice", "mailbox metadata get\tINBOX\t/private/comment", "mine\t\n+\n"],
    ["alice", "mailbox metadata list\tINBOX", /(^|\t)comment\t/],
    ["alice", "mailbox metadata set\t-s\t\t/shared/vendor/x\tours", OK],
    ["alice", "mailbox metadata unset\tINBOX\t/private/comment", OK],
    ["alice", "sieve put\t-a\tone\nkeep;\n.", OK],
    ["alice", "sieve put\ttwo\ndiscard;\n.", OK],
    ["alice", "sieve put\tbad\nnonsense\n.", "\n-DATAERR\n"],
    // In the order of a folder.
    ["alice", "sieve list", /^(one\tACTIVE\ttwo\t|two\t\tone\tACTIVE)\t\n\+\n$/],
    ["alice", "sieve get\ttwo", "discard;\t\n+\n"],
    ["alice", "sieve rename\ttwo\tthree", OK],
    ["alice", "sieve activate\tthree", OK],
    ["alice", "sieve deactivate", OK],
    ["alice", "sieve delete\tthree", OK],
    ["alice", "index\tINBOX", OK],
    ["alice", "fts rescan", OK],
    ["alice", "fts optimize", OK],
    ["alice", "fts tokenize\tLunch? at the cafés", "lunch\tcafé\t\n+\n"],
    ["alice", "search\tmailbox\tINBOX\ttext\tlunch", /^\w{32}\t1\t\w{32}\t3\t\n\+\n$/],
    ["alice", "mailbox cryptokey generate\t-U", /\t<userkey>\t\w{64}\t\n\+\n$/],
    ["alice", "mailbox cryptokey list\t-U", /\tyes\t\w{64}\t\n\+\n$/],
    ["alice", "quota recalc", OK],
    ...["user_lookups", "user_lookups_alice", "openings"].map((metric): Exchange => [
      ...["", "stats dump"] as const,
      new RegExp(`(^|\\t)${metric}\\t`),
    ]),
  ];
}

const EXCHANGES: Readonly<Record<DovecotVersion, readonly Exchange[]>> = {
  "2.3": [
    ...common("file:DIR/users/dict", "posix\tprefix=DIR/users/fs/"),
    ["", "replicator status", /Total number of known users\t3\t\n\+\n$/],
    ["", "replicator replicate\t-p\thigh\talice", "1 users updated\t\n+\n"],
    ["", "director status\talice", /^n\/a\t-1\t(127\.0\.0\.[23])\t\1\t\n\+\n$/],
    ["", "director move\talice\t127.0.0.3", OK],
    ["", "director map", /(^|\t)alice\t1669653170\t127\.0\.0\.3\t/],
  ],
  "2.4": [
    ...common("dict_server", "mail_ext_attachment"),
    ["alice", "fts flatcurve stats\tINBOX", /^INBOX\t\w{32}\t3\t3\t1\t1\t\n\+\n$/],
    ["alice", "mail dict set\tdict_server\tpriv/k\tv", OK],
    ["alice", "mail dict iter\t-R\tdict_server\tpriv/", /(^|\t)priv\/k\tv\t/],
    ["alice", "mail fs put\tmail_ext_attachment\tDIR/passwd\tmine/one", OK],
    ["alice", "mail fs iter\tmail_ext_attachment\tmine", "one\t\n+\n"],
    // Root's file, read as another user.
    ["alice", "mail fs get\tmail_ext_attachment\ttwo", /^alice:\{PLAIN\}/],
  ],
};

for (const version of VERSIONS) {
  test(`Dovecot ${version} › with everything › has all commands, and data for them`, async () => {
    const dovecot = await startDovecot({ version, everything: true, searchIndex: true });
    try {
      const commands = await commandsOf(dovecot);
      assert.deepEqual(COMMANDS[version].filter((name) => !commands.includes(name)), []);
      for (const [user, command, answer] of EXCHANGES[version]) {
        const line = `\t${user}\t${command}`.replaceAll("DIR", dovecot.folder);
        const received = await ask({ path: dovecot.socket }, `${RAW}${line}\n`);
        const text = received.replace(/^\+\n/, "").replaceAll(dovecot.folder, "DIR");
        if (typeof answer === "string") assert.equal(text, answer, command);
        else assert.match(text, answer, command);
      }
      assert.doesNotMatch(await dovecot.log(), /Fatal|Panic/);
    } finally {
      await dovecot.stop();
    }
  });
}
