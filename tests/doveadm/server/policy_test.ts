import assert from "node:assert/strict";
import { test } from "node:test";
import {
  commandReach,
  commands,
  type DoveadmCommandName,
  findCommand,
} from "../../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";
import {
  CommandFailure,
  policy,
  type PolicyRule,
  type ServerRequest,
} from "../../../doveadm/server/mod.ts";
import { allowed, tiers, type Who } from "./policy_cases.ts";

/** One rule of each kind: for one user, for all users, and for an administrator. */
const rules = policy({
  restricted: { commands: ["*"], users: ["tss", "*@example.org"] },
  everyone: { commands: ["*"], users: ["*"] },
  trusted: { commands: ["*"], users: ["*"], trusted: true },
});

/** The code that a command gets: "" for one that is allowed. */
function codeOf(who: string | undefined, name: string, args: string[], user?: string): string {
  const failure = rules.check(who, { name, args, user });
  if (failure === undefined) return "";
  assert(failure instanceof CommandFailure);
  assert.match(failure.log!, /is refused/);
  assert.doesNotMatch(failure.log!, /\p{Cc}/u);
  assert(failure.log!.length < 600);
  return failure.code;
}

test("policy › the cases of this test › have every command of the catalogue once", () => {
  const names = tiers.flatMap((who) => Object.keys(allowed[who]));
  assert.deepEqual(names.sort(), Object.keys(commands).sort());
});

test("policy › each command of the catalogue › is allowed to the least rule, and refused before", () => {
  for (const [at, least] of tiers.entries()) {
    for (const [name, args] of Object.entries(allowed[least])) {
      const line = `${name} ${args.join(" ")}`;
      for (const [other, who] of tiers.entries()) {
        assert.equal(codeOf(who, name, args, "tss"), other < at ? "NOPERM" : "", `${who}: ${line}`);
      }
    }
  }
});

test("policy › a restricted rule › refuses every command that acts on no mail", () => {
  for (const info of Object.values(commands)) {
    if (info.mail) continue;
    assert.equal(codeOf("restricted", info.name, [], "tss"), "NOPERM", info.name);
  }
});

test("policy › every command on mail › is refused for another user, none, and a mask", () => {
  for (const [name, args] of Object.entries(allowed.restricted)) {
    for (
      const user of ["bob", undefined, "", "*", "ts?", "*@example.org", "?@example.org", "TSS"]
    ) {
      assert.equal(codeOf("restricted", name, args, user), "NOPERM", `${name} for ${user}`);
    }
    assert.equal(codeOf("restricted", name, args, "ann@example.org"), "");
    assert.equal(codeOf("everyone", name, args, "bob"), "");
    assert.equal(codeOf("everyone", name, ["-A", ...args], undefined), "");
  }
});

/** Options of every command on mail, in all forms, that reach beyond the user. */
const reaching: readonly (readonly [who: Who, args: string[]])[] = [
  ["everyone", ["-A"]],
  ["everyone", ["--all-users"]],
  ["everyone", ["--all-u"]],
  ["everyone", ["-u", "bob"]],
  ["everyone", ["-ubob"]],
  ["everyone", ["--user", "bob"]],
  ["everyone", ["--user=*"]],
  ["everyone", ["-u", "tss", "-u", "*@example.org"]],
  ["trusted", ["-S", "192.0.2.1:24245"]],
  ["trusted", ["-S192.0.2.1:24245"]],
  ["trusted", ["--socket-path", "/run/dovecot/doveadm-server"]],
  ["trusted", ["--soc=x"]],
  ["trusted", ["-F", "/etc/passwd"]],
  ["trusted", ["-F-"]],
  ["trusted", ["--user-file=/etc/passwd"]],
  ["trusted", ["-AF/etc/passwd"]],
  ["trusted", ["--trans-flags=64"]],
];

test("policy › options that choose users, files or servers › are refused with every command on mail", () => {
  for (const [name, args] of Object.entries(allowed.restricted)) {
    for (const [least, options] of reaching) {
      const lines = [[...options, ...args], [...args, ...options]];
      // After "--" they are no options.
      for (const line of args.includes("--") ? lines.slice(0, 1) : lines) {
        for (const who of tiers) {
          const expected = tiers.indexOf(who) < tiers.indexOf(least) ? "NOPERM" : "";
          assert.equal(
            codeOf(who, name, line, "tss"),
            expected,
            `${who}: ${name} ${line.join(" ")}`,
          );
        }
      }
    }
  }
  for (const args of [["-u", "tss"], ["--user=ann@example.org"], ["-u", "bob", "-u", "tss"]]) {
    assert.equal(codeOf("restricted", "purge", args, "tss"), "", "the last value counts");
  }
  const since24 = ["--no-userdb-lookup", "uid", "all"];
  assert.equal(codeOf("everyone", "fetch", since24, "tss"), "NOPERM");
});

test("policy › a socket, file or server among the arguments › takes a trusted rule", () => {
  const lines: readonly (readonly [name: DoveadmCommandName, args: string[]])[] = [
    ["save", ["/etc/hostname"]],
    ["save", ["--file", "/etc/hostname"]],
    ["save", ["-m", "INBOX", "-"]],
    ["save", ["--", "-A"]],
    ["sieve put", ["script", "/etc/hostname"]],
    ["sieve put", ["--file=/etc/hostname", "script"]],
    ["import", ["-U", "bob", "maildir:~/Maildir", "", "all"]],
    ["import", ["-p", "mail_path=/home/bob", "maildir:~/Maildir", "", "all"]],
    ["import", ["--query=maildir:/home/bob/Maildir", "--query=", "--query=all"]],
    ["backup", ["-r", "/tmp/log", "-d"]],
    ["sync", ["-d"]],
    ["sync", ["-R", "ssh", "host", "cat /etc/passwd"]],
    ["dsync-server", ["-r", "/tmp/log"]],
    ["batch", [":", "mailbox", "list"]],
    ["kick", ["-a", "/run/dovecot/anvil", "bob"]],
    ["who", ["--socket-path=/run/dovecot/anvil"]],
    ["user", ["-a", "/run/dovecot/auth", "bob"]],
    ["user", ["-e", "%{env:PATH}", "bob"]],
    ["user", ["-x", "service=imap", "bob"]],
    ["stats dump", ["-s", "/run/stats"]],
    ["log find", ["/etc"]],
    ["director map", ["-f", "/etc/passwd"]],
    ["auth cache flush", ["-a", "/run/auth", "bob"]],
  ];
  for (const [name, args] of lines) {
    const line = `${name} ${args.join(" ")}`;
    assert.equal(codeOf("restricted", name, args, "tss"), "NOPERM", line);
    assert.equal(codeOf("everyone", name, args, "tss"), "NOPERM", line);
    assert.equal(codeOf("trusted", name, args, "tss"), "", line);
  }
});

test("policy › mail of another user › is taken only where the rule allows that user, too", () => {
  for (const name of ["copy", "move"]) {
    for (const word of ["user", "USER", "uSer"]) {
      const args = (user: string) => ["INBOX", word, user, "mailbox", "INBOX", "all"];
      assert.equal(codeOf("restricted", name, args("bob"), "tss"), "NOPERM");
      assert.equal(codeOf("restricted", name, args("ann@example.org"), "tss"), "");
      assert.equal(codeOf("restricted", name, args("*@example.org"), "tss"), "NOPERM");
      assert.equal(codeOf("everyone", name, args("bob"), "tss"), "");
    }
    const lines = [
      ["--source-user=bob", "INBOX", "all"],
      ["INBOX", "--source-type=USER", "--source-user=bob", "all"],
      ["--query=INBOX", "--query=user", "--query=bob", "--query=all"],
      ["-u", "tss", "--", "INBOX", "USER", "bob", "all"],
    ];
    for (const args of lines) assert.equal(codeOf("restricted", name, args, "tss"), "NOPERM");
  }
});

test("policy › commands that aren't in the catalogue › are refused to everybody", () => {
  const names = [
    ...["exec", "dump", "config", "zlibconnect", "auth test", "pw", "Fetch", "FETCH", "mailbox"],
    ...["mailbox  list", " fetch", "fetch ", "fetch\t", "mailboxList", "", "OPTION", "help"],
    ...["constructor", "__proto__", "toString", "hasOwnProperty", "x".repeat(100_000), "\x1b[2J"],
  ];
  for (const name of names) {
    for (const who of tiers) assert.equal(codeOf(who, name, [], "tss"), "NOPERM", name);
  }
});

test("policy › arguments that no version takes › fail with USAGE, and say why", () => {
  for (const who of ["restricted", "everyone"]) {
    assert.equal(codeOf(who, "mailbox list", ["--bogus"], "tss"), "USAGE");
    assert.equal(codeOf(who, "save", ["-m"], "tss"), "USAGE");
    assert.equal(codeOf(who, "purge", ["x"], "tss"), "USAGE");
    assert.equal(codeOf(who, "purge", Array.from({ length: 300_000 }, () => "x"), "tss"), "USAGE");
    assert.equal(codeOf(who, "purge", ["--\x1b[2J\n"], "tss"), "USAGE");
  }
  const { log } = rules.check("restricted", { name: "save", args: ["-m"], user: "tss" })!;
  assert.equal(log, `"save" is refused to "restricted": "option requires an argument -- 'm'".`);
  assert.equal(codeOf("restricted", "save", ["-U", "5"], "tss"), "", "an option of 2.4 alone");
  assert.equal(codeOf("restricted", "backup", ["--bogus"], "tss"), "NOPERM");
});

test("policy › a NUL, at which Dovecot would cut › is refused, wherever it is", () => {
  const [mine, cut] = ["tss", "bob\0@example.org"];
  for (const who of ["restricted", "everyone"]) {
    assert.equal(codeOf(who, "quota get", [], cut), "USAGE");
    assert.equal(codeOf(who, "copy", ["Trash", "user", cut, "all"], mine), "USAGE");
    assert.equal(codeOf(who, "mailbox list", ["--mailbox-mask", "a\0b"], mine), "USAGE");
  }
  assert.equal(codeOf("trusted", "quota get", [], cut), "");
});

test("policy › an empty user › is no user", () => {
  const { check } = policy({ a: { commands: ["*"], users: ["**"] } });
  assert.equal(check("a", { name: "quota get", args: [], user: "" })?.code, "NOPERM");
  assert.equal(check("a", { name: "quota get", args: [], user: "x" }), undefined);
});

test("policy › a request whose fields have other types › is the caller's mistake", () => {
  const right = { name: "mailbox list", args: [], user: "tss" };
  const wrong: readonly Record<string, unknown>[] = [
    ...[undefined, null, "-A", [["-A"]], [5], [, "x"], { 0: "-A", length: 1 }].map((args) => ({
      args,
    })),
    ...[null, ["tss"], 5].map((user) => ({ user })),
    ...[null, 5, new Map([["forward", ["x"]]]), [["forward"]]].map((extraFields) => ({
      extraFields,
    })),
    { name: ["mailbox list"] },
  ];
  for (const fields of wrong) {
    const request = { ...right, ...fields };
    assert.throws(
      () => rules.check("restricted", request),
      LocalProtocolError,
      JSON.stringify(fields),
    );
  }
  assert.equal(rules.check("restricted", right), undefined);
});

test("policy › a client without a rule › may do nothing", () => {
  for (const who of [undefined, "", "nobody", "constructor", "__proto__", "hasOwnProperty"]) {
    assert.equal(codeOf(who, "mailbox list", [], "tss"), "NOPERM");
  }
  const parsed = JSON.parse('{"__proto__": {"token": "t", "commands": ["who"], "users": ["*"]}}');
  const { authenticate, check } = policy(parsed);
  assert.equal(authenticate("doveadm", "t"), "__proto__");
  assert.equal(check("__proto__", { name: "who", args: [], user: undefined }), undefined);
  assert.equal(check("__proto__", { name: "kick", args: [], user: undefined })?.code, "NOPERM");
});

test("policy › the commands of a rule › are masks", () => {
  const { check } = policy({
    one: { commands: ["quota get", "mailbox *", "fla?s add"], users: ["tss"] },
  });
  const code = (name: string, args: string[] = []) =>
    check("one", { name, args, user: "tss" })?.code ?? "";
  for (const name of ["quota get", "mailbox list", "mailbox metadata get", "flags add"]) {
    assert.equal(code(name, allowed.restricted[name as DoveadmCommandName]), "", name);
  }
  for (const name of ["quota recalc", "fetch", "flags remove", "user", "mail fs get"]) {
    assert.equal(code(name), "NOPERM", name);
  }
});

test("policy › a rule that names unknown commands, or none › allows what is left", () => {
  const { check } = policy({
    unknown: { commands: ["exec", "mailbx *", "purge"], users: ["*"] },
    nothing: { commands: [], users: ["*"] },
    nobody: { commands: ["*"], users: [] },
  });
  const code = (who: string, name: string) => check(who, { name, args: [], user: "tss" })?.code;
  assert.equal(code("unknown", "purge"), undefined);
  assert.equal(code("unknown", "exec"), "NOPERM");
  assert.equal(code("nothing", "purge"), "NOPERM");
  assert.equal(code("nobody", "purge"), "NOPERM");
  assert.equal(code("nobody", "who"), "NOPERM");
});

test("policy › fields that accompany a command › are refused but for proxy-ttl", () => {
  const request = { name: "quota get", args: [], user: "tss" };
  const code = (who: Who, extraFields: ServerRequest["extraFields"]) =>
    rules.check(who, { ...request, extraFields })?.code ?? "";
  assert.equal(code("restricted", { "proxy-ttl": ["5"] }), "");
  assert.equal(code("restricted", { forward: ["host=192.0.2.1"] }), "NOPERM");
  assert.equal(code("everyone", { "proxy-ttl": ["5"], "x\x1b": [""] }), "NOPERM");
  assert.equal(code("trusted", { forward: ["host=192.0.2.1"] }), "");
});

test("policy › the users of a rule › are masks, whose time has a bound", () => {
  const fits = (mask: string, user: string) =>
    policy({ one: { commands: ["purge"], users: [mask] } })
      .check("one", { name: "purge", args: [], user }) === undefined;
  const fitting: readonly (readonly [mask: string, user: string])[] = [
    ["tss", "tss"],
    ["*@example.org", "ann@example.org"],
    ["*@example.org", "@example.org"],
    ["a*", "a"],
    ["a**b", "ab"],
    ["a*b*c", "a-b-b-c"],
    ["?@x", "é@x"],
    ["?@x", "𝒜@x"],
    ["*a?c", "aacabc"],
    ["*.*", "a.b"],
    ["[a-z]+", "[a-z]+"],
    ["*ab", "aab"],
    ["a?*", "ab"],
    ["**", "anything"],
  ];
  for (const [mask, user] of fitting) assert(fits(mask, user), `${mask}: ${user}`);
  const others: readonly (readonly [mask: string, user: string])[] = [
    ["tss", "tsss"],
    ["tss", "ts"],
    ["tss", "TSS"],
    ["*@example.org", "ann@example.org.evil"],
    ["*@example.org", "ann@example-org"],
    ["*@example.org", "ann@example.org\n"],
    ["a*b", "a"],
    ["a*b*c", "a-c-b"],
    ["?", ""],
    ["?", "ab"],
    ["a?", "a"],
    ["[a-z]+", "abc"],
    ["^tss$", "tss"],
    ["*", "x*"],
  ].filter(([mask]) => mask !== "*") as [string, string][];
  for (const [mask, user] of others) assert(!fits(mask, user), `${mask}: ${user}`);

  const slow = ["*a".repeat(499), "*aaaaaaaaaaaaaaaaaaaaaaaaaaab", "*" + "a?".repeat(400) + "b"];
  for (const mask of slow) {
    for (const size of [100, 999, 1000, 1001, 1_000_000]) {
      const user = "a".repeat(size);
      assert.equal(fits(mask, user), mask.endsWith("*a") && size >= 499 && size <= 1000);
    }
  }
});

test("policy › masks and texts at random › are compared as a regular expression does it", () => {
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  const word = (signs: string) =>
    Array.from({ length: 1 + random(8) }, () => signs[random(signs.length)]).join("");
  let fitting = 0;
  for (let run = 0; run < 20_000; run++) {
    const mask = word("ab*?");
    const user = word("ab");
    const pattern = mask.replaceAll("*", ".*").replaceAll("?", ".");
    const expected = mask === "*" || new RegExp(`^${pattern}$`, "s").test(user);
    if (expected) fitting++;
    if (mask === "*") continue;
    const failure = policy({ one: { commands: ["purge"], users: [mask] } })
      .check("one", { name: "purge", args: [], user });
    assert.equal(failure === undefined, expected, `${mask}: ${user}`);
  }
  assert(fitting > 1000);
});

test("policy › a token › logs its client in with its rule's name", async () => {
  const { authenticate } = policy({
    one: { token: "t0ken", commands: ["purge"], users: ["tss"] },
    two: { token: "tökén", commands: ["purge"], users: ["tss"] },
    "without a token": { commands: ["purge"], users: ["tss"] },
  });
  for (const [token, name] of [["t0ken", "one"], ["tökén", "two"]]) {
    assert.equal(await authenticate("doveadm", token), name);
  }
  for (const token of ["", "t0ke", "t0ken ", "T0KEN", "one", "undefined", "x".repeat(1000)]) {
    assert.equal(await authenticate("doveadm", token), undefined, token);
  }
});

test("policy › invalid rules › are refused with what is wrong, and without the token", () => {
  const good: PolicyRule = { token: "s3cret", commands: ["purge"], users: ["tss"] };
  const invalid: readonly (readonly [rule: unknown, message: RegExp])[] = [
    [null, /The rule of "one" is not an object/],
    ["*", /is not an object/],
    [{ ...good, user: ["tss"] }, /has "user"\. A rule has/],
    [{ ...good, token: "" }, /empty "token"/],
    [{ ...good, token: 5 }, /empty "token"/],
    [{ ...good, commands: undefined }, /needs "commands"/],
    [{ ...good, commands: "purge" }, /needs "commands"/],
    [{ ...good, commands: [5] }, /needs "commands"/],
    [{ ...good, users: "*" }, /needs "users"/],
    // deno-lint-ignore no-sparse-arrays -- as a caller may have made it
    [{ ...good, users: [, "tss"] }, /needs "users"/],
    [{ ...good, commands: [""] }, /is not a valid mask/],
    [{ ...good, users: [""] }, /is not a valid mask/],
    [{ ...good, users: ["x".repeat(1001)] }, /it has 1001 characters/],
    [{ ...good, trusted: "yes" }, /"trusted" that is not a boolean/],
    [{ ...good, trusted: true }, /Put "\*" into "users"/],
  ];
  for (const [rule, message] of invalid) {
    assert.throws(() => policy({ one: rule as PolicyRule }), (error: Error) => {
      assert(error instanceof LocalProtocolError);
      assert.match(error.message, message);
      return !error.message.includes("s3cret");
    });
  }
  for (const rules of [null, "x", [good], new Map([["one", good]])]) {
    assert.throws(() => policy(rules as unknown as Record<string, PolicyRule>), LocalProtocolError);
  }
  assert.throws(() => policy({ one: good, two: good }), (error: Error) => {
    assert.match(error.message, /The rules of "one" and "two" have the same token/);
    return error instanceof LocalProtocolError && !error.message.includes("s3cret");
  });
});

test("policy › a guarded handler › isn't called for what is refused", async () => {
  const called: string[] = [];
  const guarded = rules.guard(({ name }) => {
    called.push(name);
    return [];
  });
  const request = (name: string, username: string | undefined): ServerRequest => ({
    ...{ name, args: [], user: "tss", verbosity: undefined, extraFields: {}, hasInput: false },
    input: { async *[Symbol.asyncIterator]() {} },
    signal: new AbortController().signal,
    client: { address: "unix", username, minor: 4 },
    log() {},
  });
  assert.throws(() => guarded(request("who", "restricted")), CommandFailure);
  assert.throws(() => guarded(request("quota get", undefined)), CommandFailure);
  assert.deepEqual(called, []);
  assert.deepEqual(await guarded(request("quota get", "restricted")), []);
  assert.deepEqual(called, ["quota get"]);
});

test("policy › what commands reach by themselves › is in the cases of the trusted rule", () => {
  for (const name of Object.keys(commands)) {
    if (commandReach(findCommand(name)!) === "nothing") continue;
    assert(Object.hasOwn(allowed.trusted, name), name);
  }
});
