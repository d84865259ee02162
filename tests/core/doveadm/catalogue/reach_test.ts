import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CommandInfo,
  commandReach,
  commands,
  type DovecotVersion,
  encodeArguments,
  existsIn,
  findCommand,
  namedThings,
  parameterReach,
  parameterReaches,
  receivedArguments,
} from "../../../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../../../../core/mod.ts";

/** What a line's arguments name, without what names nothing. */
function reaches(name: string, args: readonly string[], version: DovecotVersion): string[] {
  return namedThings(findCommand(name)!, args, version)
    .filter(({ reach }) => reach !== "nothing")
    .map(({ reach, parameter, values }) => `${reach} ${parameter} ${values.join(",")}`);
}

const infos: readonly CommandInfo[] = Object.values(commands);

test("reach › every parameter of the catalogue › has one", () => {
  for (const info of infos) {
    for (const { name } of info.parameters) {
      assert.notEqual(parameterReach(info, name), undefined, `${info.name}: ${name}`);
    }
    const others = Object.keys(parameterReaches[info.name as keyof typeof parameterReaches])
      .filter((name) => !info.parameters.some((parameter) => parameter.name === name));
    assert.deepEqual(others, [], info.name);
  }
});

test("reach › a name that no parameter has › has none", () => {
  for (const name of ["constructor", "__proto__", "toString", "Query", ""]) {
    assert.equal(parameterReach(commands.fetch, name), undefined, name);
  }
  assert.equal(parameterReach(commands.kick, "allUsers"), undefined);
});

test("reach › names that are the same everywhere › reach the same everywhere", () => {
  const user = /^(user|userMask|sourceUser|allUsers)$/;
  const file =
    /^(file|userFile|usersFile|rawlog|path|\w+Path|\w+Dir|fs[A-Z]\w+|dictUri|filterName|sourceLocation)$/;
  const server = /^(socketPath|destination)$/;
  for (const info of infos) {
    for (const { name } of info.parameters) {
      const expected = server.test(name)
        ? "server"
        : user.test(name)
        ? "user"
        : file.test(name)
        ? "file"
        : undefined;
      if (expected !== undefined) {
        assert.equal(parameterReach(info, name), expected, `${info.name}: ${name}`);
      }
    }
  }
});

test("reach › commands that go beyond the user's mail by themselves › are known", () => {
  const found = infos.filter((info) => commandReach(info) !== "nothing").map(({ name }) => name);
  assert.deepEqual(found.sort(), ["backup", "batch", "dsync-server", "sync"]);
});

test("named things › no command's name begins another's › so that a server finds the same one", () => {
  // Dovecot looks for the longest name that a command's name and arguments together begin with.
  for (const { name } of infos) {
    const longer = infos.filter((other) => other.name.startsWith(`${name} `));
    assert.deepEqual(longer.map((other) => other.name), [], name);
  }
});

test("named things › a source's user › is found as each version finds it", () => {
  const rest = ["mailbox", "INBOX", "all"];
  for (const name of ["copy", "move"]) {
    for (const word of ["user", "USER", "User", "uSeR"]) {
      const args = ["INBOX", word, "bob", ...rest];
      assert.deepEqual(reaches(name, args, "2.3"), ["user sourceUser bob"]);
      const found = word === "user" ? ["user sourceUser bob"] : [];
      assert.deepEqual(reaches(name, args, "2.4"), found, "2.4 compares the case, too");
    }
    const lines: readonly (readonly [args: string[], in23?: string, in24?: string])[] = [
      [["INBOX", ...rest]],
      [["INBOX", "from", "user", "all"]],
      [["INBOX", "subject", "user", "from", "bob"]],
      [["INBOX", "mailbox", "user", "all"]],
      [["INBOX", "user"]],
      [["INBOX", "--", "user", "bob", ...rest], "bob", "bob"],
      [["--", "INBOX", "USER", "bob", ...rest], "bob"],
      [["user", "user", "bob", ...rest], "bob", "bob"],
      [["INBOX", "-u", "tss", "user", "bob", ...rest], "bob", "bob"],
      [["--destination-mailbox=INBOX", "user", "bob", ...rest], "bob", "bob"],
      [["--dest", "INBOX", "USER", "bob", ...rest], "bob"],
      [["user", "bob", "--dest", "INBOX", ...rest], "bob", "bob"],
      [["INBOX", "--source-type=user", "--source-user=bob", ...rest], "bob"],
      [["INBOX", "--source-type=USER", "bob", ...rest], "bob"],
      [["INBOX", "--source-t", "user", "--source-u", "bob", ...rest], "bob"],
      [["INBOX", "--source-user=bob", ...rest], undefined, "bob"],
      [["INBOX", "--source-user=bob", "user", "carol", "all"], "bob", "bob"],
      [["INBOX", "--source-user=user", "bob", ...rest], undefined, "user"],
      [["--query=INBOX", "--query=user", "--query=bob", "--query=all"], "bob"],
      [["INBOX", "--query=user", "--query=bob", "--query=all"], "bob"],
      [["--query=user", "INBOX", "--query=bob", "--query=all"], "bob"],
    ];
    for (const [args, in23, in24] of lines) {
      for (const [version, user] of [["2.3", in23], ["2.4", in24]] as const) {
        let found: string[];
        try {
          found = reaches(name, args, version);
        } catch (error) {
          assert(error instanceof LocalProtocolError && user === undefined, `${args}: ${error}`);
          continue;
        }
        const line = `${version}: ${name} ${args.join(" ")}`;
        const others = found.filter((thing) => !thing.startsWith("user user "));
        assert.deepEqual(others, user === undefined ? [] : [`user sourceUser ${user}`], line);
      }
    }
  }
});

test("named things › words given as options › count by their place in 2.3", () => {
  const words = ["--query=maildir:/home/bob", "--query=", "--query=all"];
  assert.deepEqual(reaches("import", words, "2.3"), ["file sourceLocation maildir:/home/bob"]);
  assert.deepEqual(reaches("import", words, "2.4"), []);
  const parent = ["--dest-parent-mailbox=maildir:/home/bob", "x", "y", "z"];
  assert.deepEqual(reaches("import", parent, "2.3"), ["file sourceLocation x"]);
  assert.deepEqual(reaches("batch", ["--separator=:", "stop"], "2.3"), ["program args stop"]);
});

test("named things › options in all of getopt's forms › are found", () => {
  const lines: readonly (readonly [name: string, args: string[], found: string])[] = [
    ["fetch", ["uid", "all", "-S", "host:1"], "server socketPath host:1"],
    ["fetch", ["-Shost:1", "uid", "all"], "server socketPath host:1"],
    ["fetch", ["--socket-path=host:1", "uid", "all"], "server socketPath host:1"],
    ["fetch", ["--soc", "host:1", "uid", "all"], "server socketPath host:1"],
    ["fetch", ["uid", "-A", "all"], "user allUsers true"],
    ["fetch", ["--all", "uid", "all"], "user allUsers true"],
    ["mailbox list", ["-sAu", "bob"], "user allUsers true;user user bob"],
    ["mailbox list", ["-sAubob"], "user allUsers true;user user bob"],
    ["mailbox list", ["--user-f", "/etc/passwd"], "file userFile /etc/passwd"],
    ["mailbox list", ["-F/etc/passwd"], "file userFile /etc/passwd"],
    ["mailbox list", ["--trans-flags=64"], "settings transFlags 64"],
    ["save", ["/etc/passwd"], "file file /etc/passwd"],
    ["save", ["--file=/etc/passwd"], "file file /etc/passwd"],
    ["save", ["-m", "INBOX", "--", "-"], "file file -"],
    ["sieve put", ["name", "/etc/passwd"], "file file /etc/passwd"],
    ["sync", ["-1", "ssh", "host", "doveadm"], "server destination ssh,host,doveadm"],
    ["user", ["-e", "%{env:HOME}", "tss"], "settings expandField %{env:HOME};user userMask tss"],
    ["kick", ["-a", "/run/anvil", "tss"], "server socketPath /run/anvil;user mask tss"],
  ];
  for (const [name, args, found] of lines) {
    for (const version of ["2.3", "2.4"] as const) {
      assert.equal(reaches(name, args, version).sort().join(";"), found, `${name} ${args}`);
    }
  }
  for (const args of [["-m", "-A"], ["-m", "/etc/passwd"], ["-m-S"], ["--mailbox=-A"]]) {
    assert.deepEqual(reaches("save", args, "2.3"), [], `the value of an option: ${args}`);
  }
  assert.deepEqual(reaches("search", ["--", "-A"], "2.4"), [], "a word after the options");
});

test("named things › an option that a version lacks › is refused as getopt does it", () => {
  const info = findCommand("save")!;
  assert.throws(() => namedThings(info, ["-U", "5"], "2.3"), LocalProtocolError);
  assert.deepEqual(reaches("save", ["-U", "5"], "2.4"), []);
  assert(existsIn(info, "2.3"));
});

test("named things › very many arguments › are read, with and without an end of the options", () => {
  const many = Array.from({ length: 400_000 }, () => "x");
  for (const args of [["uid", ...many], ["--", "uid", ...many]]) {
    const things = namedThings(findCommand("fetch")!, args, "2.3");
    assert.equal(things.find(({ parameter }) => parameter === "query")?.values.length, 400_000);
  }
  assert.throws(() => namedThings(findCommand("save")!, many, "2.3"), LocalProtocolError);
});

test("receivedArguments › words of all kinds in 2.3 › are what encodeArguments takes", () => {
  const received: readonly (readonly [name: string, args: string[], values: unknown])[] = [
    ["index", ["-n", "5", "INBOX"], { maxRecent: 5n, mailboxMask: ["INBOX"] }],
    ["fetch", ["uid  flags", "all"], { field: ["uid", "flags"], query: ["all"] }],
    ["copy", ["A", "from", "user"], { destinationMailbox: "A", query: ["from", "user"] }],
    ["copy", ["A", "USER", "bob", "all"], {
      ...{ destinationMailbox: "A", sourceUser: "bob", query: ["all"] },
    }],
    ["mailbox update", ["-V", "7", "INBOX"], { mailbox: "INBOX", uidValidity: 7n }],
  ];
  for (const [name, args, values] of received) {
    const info = findCommand(name)!;
    const found = receivedArguments(info, args, "2.3");
    assert.deepEqual(found, values);
    encodeArguments(info, found, "2.3");
  }
  const invalid = receivedArguments(findCommand("index")!, ["-n", "x", "INBOX"], "2.3");
  assert.throws(() => encodeArguments(findCommand("index")!, invalid, "2.3"), LocalProtocolError);
});
