import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  AuthenticationError,
  CommandError,
  connect,
  ConnectError,
  ConnectionLostError,
  type DoveadmClient,
  DovewireError,
  LocalProtocolError,
  PartialFailure,
  RemoteProtocolError,
} from "../../../mod.ts";
import { type Dovecot, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { versionsHere } from "../../harness/dovecot/versions.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import {
  clientOf,
  errorOf,
  inbox,
  inPieces,
  listOf,
  mail,
  messages,
  rowsOfLarge,
  told,
} from "./clients.ts";
import { testSending } from "./sending.ts";

for (const version of versionsHere) {
  let dovecot: Dovecot;
  const name = (what: string) => `DoveadmHttp with Dovecot ${version} › ${what}`;

  test(name("the server › starts"), async () => {
    dovecot = await startDovecot({ version, mail, everything: true });
  });
  after(() => dovecot?.stop());

  test(name("run, rows and call › the same rows"), async () => {
    await leavingNothing(async () => {
      const { http, requests } = clientOf(dovecot);
      assert.deepEqual(
        await http.run("mailbox status", { user: "alice", ...messages }),
        inbox(3),
      );
      assert.deepEqual(
        await listOf(http.rows("mailbox status", { user: "bob", ...messages })),
        inbox(1),
      );
      const [mail] = await http.run("fetch", {
        ...{ user: "alice", field: ["uid", "hdr.Subject", "flags", "text"] },
        query: ["mailbox", "INBOX", "uid", "3"],
      });
      assert.equal(mail.uid, 3);
      assert.equal(mail["hdr.Subject"], "Grüße");
      assert(mail.flags.includes("\\Recent"));
      assert.deepEqual(
        mail.text,
        new TextEncoder().encode("Subject: Grüße\n\nHello.\n"),
      );
      const [limits] = await http.run("quota get", { user: "alice" });
      assert.equal(limits.limit, 1024 * 1024);
      const users = await http.run("user", { userMask: ["*"] });
      assert.deepEqual(users.map((row) => Object.entries(row).flat()).sort(), [
        ...[["username", "alice"], ["username", "bob"], ["username", "carol"]],
      ]);
      assert.deepEqual(requests, [1, 1, 1, 1, 1]);

      assert.deepEqual(await http.call("mailboxStatus", { user: "bob", ...messages }), [
        { mailbox: "INBOX", messages: "1" },
      ]);
      const { userList } = await http.call("user", { userMask: ["*"] }) as { userList: string[] };
      assert.deepEqual(userList.sort(), ["alice", "bob", "carol"]);
      const commands = await http.commands();
      assert(commands.find(({ command }) => command === "mailboxStatus"));
      await http.close();
    });
  });

  test(name("passwords and keys, right and wrong › only the right ones are accepted"), async () => {
    await leavingNothing(async () => {
      const { httpPort, apiKey, password, port } = dovecot;
      const origin = `http://127.0.0.1:${httpPort}`;
      const status = (http: DoveadmClient) =>
        http.run("mailbox status", { user: "bob", ...messages });
      for (
        const http of [
          connect(`http://doveadm:${password}@127.0.0.1:${httpPort}`),
          connect(`http://:${password}@localhost:${httpPort}/doveadm/v1`, { password: undefined }),
          connect(`http://doveadm:wrong@127.0.0.1:${httpPort}`, { password }),
          connect(origin, { apiKey }),
          connect(origin, { apiKey, password: "wrong" }),
        ]
      ) {
        assert.deepEqual(await status(http), inbox(1));
        assert.equal(http.peer.replace("localhost", "127.0.0.1"), `${origin}/doveadm/v1`);
      }
      for (
        const [http, why] of [
          [connect(origin), /asked for a password or key and none was given/],
          [connect(origin, { password: "s3cret2" }), /refused the password of "doveadm"/],
          [connect(`http://root:${password}@127.0.0.1:${httpPort}`), /the password of "root"/],
          [connect(origin, { apiKey: "k3y2", password }), /refused the API key/],
        ] as const
      ) {
        const error = await errorOf(status(http), AuthenticationError);
        assert.match(error.message, why);
        assert.match(error.message, /Set "password" .* or "apiKey"/);
      }
      const plain = connect(`https://doveadm:${password}@127.0.0.1:${httpPort}`);
      const tls = await errorOf(status(plain), ConnectError);
      assert.match(tls.message, /Cannot connect to https:.* "ssl = yes"/);
      // The port of the other protocol may close before or after it has said what it is.
      const other = await errorOf(
        status(connect(`http://doveadm:${password}@127.0.0.1:${port}`)),
        DovewireError,
      );
      assert(other instanceof RemoteProtocolError || other instanceof ConnectionLostError);
      const elsewhere = await errorOf(
        status(connect(`${origin}/doveadm/v2`, { password })),
        RemoteProtocolError,
      );
      assert.match(elsewhere.message, /HTTP 404.*its path is "\/doveadm\/v1"/);
    });
  });

  test(name("several calls › share a request"), async () => {
    await leavingNothing(async () => {
      const { http, requests } = clientOf(dovecot);
      const outcomes = await http.runAll([
        ["user", { userMask: ["a*"] }],
        ["mailbox status", { user: "alice", ...messages }],
        ["mailbox list", { user: "nobody" }],
        ["mailbox delete", { user: "alice", mailbox: ["nosuch"] }],
        ["mailbox status", { user: "bob", ...messages }],
      ]);
      assert.deepEqual(told(outcomes), [
        [{ username: "alice" }],
        ...[inbox(3), "NOUSER", "NOTFOUND", inbox(1)],
      ]);
      assert.deepEqual(requests.splice(0), [5]);
      assert.deepEqual(await http.runAll([]), []);

      // Behind a command on mail 2.3 can't run others, so that they go in a request of their own.
      const mixed = await http.runAll([
        ["mailbox status", { user: "alice", ...messages }],
        ["user", { userMask: ["b*"] }],
        ["user", { userMask: ["c*"] }],
        ["mailbox status", { user: "bob", ...messages }],
        ["mailbox status", { user: "carol", ...messages }],
      ]);
      assert.deepEqual(told(mixed), [
        inbox(3),
        [{ username: "bob" }],
        [{ username: "carol" }],
        inbox(1),
        inbox(0),
      ]);
      assert.deepEqual(requests.splice(0), [1, 4]);
      // One that is for many users is as many commands, in requests of their own.
      const many = await http.runAll([
        ["mailbox status", { user: "alice", ...messages }],
        ["mailbox status", { userFile: "alice\nbob", ...messages }],
        ["mailbox status", { user: "carol", ...messages }],
      ]);
      assert.deepEqual(told(many), [
        inbox(3),
        [{ username: "alice", ...inbox(3)[0] }, { username: "bob", ...inbox(1)[0] }],
        inbox(0),
      ]);
      assert.deepEqual(requests.splice(0).sort(), [1, 1, 2]);
      const whoBehind = await http.runAll([
        ["mailbox status", { user: "alice", ...messages }],
        ["who", {}],
      ]);
      assert.deepEqual(told(whoBehind), [inbox(3), []]);
      assert.equal(requests.splice(0).filter((request) => request === 1).length, 2);
      await http.close();
    });
  });

  test(name("several calls, some of them invalid › the others are answered"), async () => {
    await leavingNothing(async () => {
      const { http, requests } = clientOf(dovecot);
      const good = ["mailbox status", { user: "bob", ...messages }] as const;
      const failing = () => {
        throw new Error("no more");
      };
      const save = { user: "carol", mailbox: "INBOX" };
      const outcomes = await http.runAll([
        good,
        ["save", { ...save, file: "Subject: \0\n\n" }],
        ["save", { ...save, file: new Uint8Array([0xff]) }],
        ["save", { ...save, file: { [Symbol.iterator]: failing } }],
        version === "2.3"
          ? ["mailbox list", { user: "bob", noUserdbLookup: true }]
          : ["replicator status", {}],
        good,
      ]);
      const local = "LocalProtocolError";
      assert.deepEqual(told(outcomes), [
        ...[inbox(1), local, local, "AbortError", local, inbox(1)],
      ]);
      assert.deepEqual(requests.splice(0), ["list", 2]);
      await errorOf(
        http.runAll([good, ["nosuch" as "who", {}]]),
        LocalProtocolError,
      );
      assert.deepEqual(requests, []);
      await http.close();
    });
  });

  test(name("calls that are large, or many › are answered"), async () => {
    await leavingNothing(async () => {
      const { http, requests } = clientOf(dovecot);
      const good = ["mailbox status", { user: "bob", ...messages }] as const;
      const masked = (mask: string) =>
        ["mailbox list", { user: "bob", mailboxMask: [`${mask}*`] }] as const;
      const outcomes = await http.runAll([good, masked("x".repeat(40_000)), good]);
      assert.deepEqual(
        told(outcomes),
        [inbox(1), version === "2.3" ? [] : "RemoteProtocolError", inbox(1)],
      );
      assert.deepEqual(requests.splice(0), [1, 1, 1]);
      const sizes = await http.runAll(Array.from({ length: 40 }, () => masked("x".repeat(30_000))));
      assert.deepEqual(told(sizes), Array(40).fill([]));
      assert.deepEqual(requests.splice(0), [26, 14]);
      const many = await http.runAll(
        Array.from(
          { length: 1001 },
          (_, at) => ["user", { userMask: [["alice", "bob"][at % 2]], field: "home" }] as const,
        ),
      );
      const names = many.map((outcome) =>
        outcome.status === "fulfilled" ? outcome.value[0].username : outcome.reason
      );
      assert.deepEqual(names, Array.from({ length: 1001 }, (_, at) => ["alice", "bob"][at % 2]));
      assert.deepEqual(requests.splice(0), [1000, 1]);
      await http.close();
    });
  });

  test(name("calls for several users › rows of each"), async () => {
    await leavingNothing(async () => {
      const { http, requests } = clientOf(dovecot);
      const row = (username: string, count: number) => ({
        ...{ username, mailbox: "INBOX", messages: count },
      });
      const all = [row("alice", 3), row("bob", 1), row("carol", 0)];
      for (const whose of [{ allUsers: true }, { user: "*" }] as const) {
        const rows = await http.run("mailbox status", { ...whose, ...messages });
        // In no order that is promised.
        assert.deepEqual(rows.sort((a, b) => a.username < b.username ? -1 : 1), all);
        assert.deepEqual(requests.splice(0), [1, 1, 1, 1]);
        const iterated = await http.run("mailbox status", { ...whose, ...messages }, {
          iterate: "server",
        });
        assert.deepEqual(iterated.sort((a, b) => a.username < b.username ? -1 : 1), all);
        assert.deepEqual(requests.splice(0), [1]);
      }
      assert.deepEqual(await http.run("mailbox status", { user: "?ob", ...messages }), [all[1]]);
      assert.deepEqual(await http.run("mailbox status", { user: "x*", ...messages }), []);
      assert.deepEqual(requests.splice(0), [1, 1, 1]);
      const userFile = "carol\n\nalice\r\n";
      const some = [row("carol", 0), row("alice", 3)];
      const inOrder = { order: "users" } as const;
      assert.deepEqual(await http.run("mailbox status", { userFile, ...messages }), some);
      assert.deepEqual(
        await listOf(http.rows("mailbox status", { userFile, ...messages }, inOrder)),
        some,
      );

      // All have their turn, and what failed for some is told at the end.
      const query = ["mailbox", "Projects", "all"];
      for (
        const whose of [{ userFile: "bob\nalice\nnobody" }, { allUsers: true }, {
          user: "*",
        }] as const
      ) {
        await http.run("mailbox create", { user: "alice", mailbox: ["Gone"] });
        const rows = http.rows("mailbox delete", { ...whose, mailbox: ["Gone"] });
        const { failures, answered } = await errorOf(listOf(rows), PartialFailure);
        const codes = [...failures].map(([user, error]) => [user, (error as CommandError).code]);
        assert.deepEqual(codes.sort(), [
          ["bob", "NOTFOUND"],
          "userFile" in whose ? ["nobody", "NOUSER"] : ["carol", "NOTFOUND"],
        ]);
        assert.equal(answered, 1);
        const left = await http.run("mailbox list", { user: "alice", mailboxMask: ["Gone*"] });
        assert.deepEqual(left, []);
      }
      assert.deepEqual(await http.run("search", { userFile: "alice", query }), []);
      const none = await http.run("search", { userFile: "\n", query });
      assert.deepEqual(none, []);
      await http.close();
    });
  });

  testSending(name, () => dovecot);

  test(name("failures, and calls that depend on the version › errors, and rows"), async () => {
    await leavingNothing(async () => {
      const { http, requests } = clientOf(dovecot);
      const codeOf = async (work: Promise<unknown>) => (await errorOf(work, CommandError)).code;
      const user = "alice";
      assert.equal(await codeOf(http.run("mailbox list", { user: "nobody" })), "NOUSER");
      assert.equal(await codeOf(http.send({ name: "mailbox list", user: "nobody" })), "NOUSER");
      assert.equal(await codeOf(http.run("mailbox delete", { user, mailbox: ["x"] })), "NOTFOUND");
      assert.equal(await codeOf(http.call("mailboxList", { user, nosuch: true })), "USAGE");
      assert.equal(await codeOf(http.call("nosuch")), "");
      const bad = await errorOf(
        http.call("search", { user, query: ["nosuch"] }),
        ConnectionLostError,
      );
      assert.match(bad.message, /"search" was not answered .*a bad search query/);
      assert.deepEqual(requests.splice(0), [1, 1, 1, 1, 1, 1]);

      const lasting = () => http.run("mailbox list", { user });
      const versioned = (): Promise<unknown> =>
        version === "2.3"
          ? http.run("mailbox list", { user, noUserdbLookup: true })
          : http.run("replicator status", {});
      await lasting();
      assert.deepEqual(requests.splice(0), [1]);
      const errors = await Promise.all(
        [1, 2, 3].map(() => errorOf(versioned(), LocalProtocolError)),
      );
      assert.match(errors[0].message, version === "2.3" ? /"noUserdbLookup"/ : /Dovecot 2\.4/);
      await errorOf(versioned(), LocalProtocolError);
      await lasting();
      assert.deepEqual(requests, ["list", 1]);
      await http.close();
    });
  });

  test(name("rows, left early › arrive one by one, and the request ends"), async () => {
    await leavingNothing(async () => {
      let read = 0;
      let ended = () => {};
      const cancelled = new Promise<void>((resolve) => ended = resolve);
      const { httpPort, password } = dovecot;
      const http = connect(`http://127.0.0.1:${httpPort}`, {
        password,
        async fetch(input, init): Promise<Response> {
          const response = await fetch(input, init);
          init!.signal!.addEventListener("abort", ended);
          return new Response(inPieces(response.body!, (size) => read += size));
        },
      });
      const field = ["uid", "text"] as const;
      const query = ["mailbox", "Large", "all"];
      const rows = http.rows("fetch", { user: "alice", field, query });
      let early = 0;
      let uid = 0;
      for await (const row of rows) {
        assert.equal(row.uid, ++uid);
        if (uid === 1) early = read;
      }
      assert.equal(uid, rowsOfLarge);
      assert(early < read / 2, `${early} of ${read} bytes were read for the first row`);
      for await (const row of http.rows("fetch", { user: "alice", field, query })) {
        assert.equal(row.uid, 1);
        break;
      }
      await cancelled;
      await http.close();
    });
  });

  test(name("closing, aborting, and a server that has stopped › errors"), async () => {
    await leavingNothing(async () => {
      const { http } = clientOf(dovecot);
      const rows = http.rows("fetch", {
        ...{ user: "alice", field: ["uid"], query: ["mailbox", "Large", "all"] },
      });
      assert.equal((await rows.next()).value?.uid, 1);
      await http.close();
      const lost = await errorOf(listOf(rows), ConnectionLostError);
      assert.match(lost.message, /The client of http:.* was closed/);
      assert.equal(lost.sent, true);
      for (
        const work of [
          () => http.run("who", {}),
          () => http.send({ name: "who" }),
          () => http.call("who"),
          () => http.commands(),
          () => http.rows("mailbox list", { user: "bob" }).next(),
        ]
      ) {
        const closed = await errorOf(work(), ConnectionLostError);
        assert.match(closed.message, /was closed/);
        assert.equal(closed.sent, false);
      }
      const outcomes = await http.runAll([["mailbox list", { user: "bob" }], ["who"]]);
      assert.deepEqual(told(outcomes), ["ConnectionLostError", "ConnectionLostError"]);
      await http.close();

      const gone = clientOf(dovecot);
      await gone.http.run("mailbox list", { user: "bob" });
      await dovecot.stop();
      const error = await errorOf(
        gone.http.run("mailbox list", { user: "bob" }),
        ConnectError,
      );
      assert.match(error.message, /Cannot connect to http:/);
      const noList = await errorOf(gone.http.run("replicator status", {}), ConnectError);
      assert.equal(noList.sent, false);
    });
  });
}
