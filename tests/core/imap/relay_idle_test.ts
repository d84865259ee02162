/** A relay while somebody idles: its client at the server, or the relay itself while a custom command runs. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../../core/mod.ts";
import { bytesOf, RelayTalk } from "./relay_talk.ts";

const minute = 60_000;

test("IDLE › of the client › goes up; its continuation and what the server tells come down", () => {
  const talk = RelayTalk.in();
  assert.equal(talk.client("a idle\r\n"), "");
  assert.equal(talk.got(), "a idle\r\n");
  assert.equal(talk.server("+ idling\r\n"), "+ idling\r\n");
  assert.equal(
    talk.server("* OK Still here\r\n* 5 EXISTS\r\n"),
    "* OK Still here\r\n* 5 EXISTS\r\n",
  );
  for (const piece of ["d", "O", "n", "E", "\r"]) talk.client(piece);
  assert.equal(talk.got(), "");
  talk.client("\nb NOOP\r\n");
  assert.equal(talk.got(), "DONE\r\n");
  assert.equal(talk.server("a OK Idle completed.\r\n"), "a OK Idle completed.\r\n");
  assert.equal(talk.got(), "b NOOP\r\n");
});

test("IDLE › with DONE and commands after it in one write › each goes up in its turn", () => {
  const talk = RelayTalk.in();
  talk.client("a FETCH 1 FLAGS\r\nb IDLE\r\nDONE\r\nc IDLE\nDONE\nd NOOP\r\n");
  assert.equal(talk.got(), "a FETCH 1 FLAGS\r\nb IDLE\r\n");
  // An earlier answer is not what it waits for.
  talk.server("a OK Done.\r\n");
  assert.equal(talk.got(), "");
  talk.server("+ idling\r\n");
  assert.equal(talk.got(), "DONE\r\n");
  talk.server("b OK Done.\r\n");
  assert.equal(talk.got(), "c IDLE\r\n");
  talk.server("+ idling\r\n");
  talk.server("c OK Done.\r\n");
  assert.equal(talk.got(), "DONE\r\nd NOOP\r\n");
});

for (
  const line of [
    "",
    "x NOOP",
    "DONE ",
    " DONE",
    "DONE\0",
    "DON",
    "DONED",
    "\xc4ONE",
    "x DELETE {8+}\r\ny NOOP\r\n",
    "x DELETE {8+}\r\ny NOOP\r\n {8+}\r\nz NOOP\r\n",
    "x NOOP )( {8+}\r\ny NOOP\r\n",
    `x ${"y".repeat(2000)}`,
  ]
) {
  const shown = JSON.stringify(line.slice(0, 20));
  test(`IDLE › ended by another line, ${shown} › BAD; the server only gets DONE`, () => {
    const talk = RelayTalk.in({ limits: { line: 1000 } });
    talk.client("a IDLE\r\n");
    talk.server("+ idling\r\n");
    talk.got();
    assert.equal(talk.client(`${line}\r\nb NOOP\r\n`), "");
    assert.equal(talk.got(), "DONE\r\n");
    assert.equal(
      talk.server("* 2 EXISTS\r\na OK Idle completed.\r\n"),
      "* 2 EXISTS\r\na BAD Expected DONE.\r\n",
    );
    assert.equal(talk.got(), "b NOOP\r\n");
    assert.equal(talk.server("b OK Done.\r\n"), "b OK Done.\r\n");
  });
}

test("IDLE › a wrong line that ends in a literal that the client waits with › is eaten without it", () => {
  const talk = RelayTalk.in();
  talk.client("a IDLE\r\n");
  talk.server("+ idling\r\n");
  talk.client("x DELETE {8}\r\n");
  talk.server("a OK Done.\r\n");
  talk.client("b NOOP\r\n");
  assert.equal(talk.got(), "a IDLE\r\nDONE\r\nb NOOP\r\n");
});

test("IDLE › refused by the server › the client's next line is a command", () => {
  for (const status of ["NO", "BAD"]) {
    const talk = RelayTalk.in();
    talk.client("a IDLE\r\nb NOOP\r\n");
    assert.equal(talk.got(), "a IDLE\r\n");
    assert.equal(talk.server(`a ${status} x\r\n`), `a ${status} x\r\n`);
    assert.equal(talk.got(), "b NOOP\r\n");
  }
});

test("IDLE › ended by the server itself › what the client sends is a command again, also a part of a line", () => {
  const talk = RelayTalk.in();
  talk.client("a IDLE\r\n");
  talk.server("+ idling\r\n");
  talk.client("b NO");
  talk.got();
  assert.equal(talk.server("a OK Timeout.\r\n"), "a OK Timeout.\r\n");
  talk.client("OP\r\n");
  assert.equal(talk.got(), "b NOOP\r\n");
});

test("IDLE › the server asks twice › fails", () => {
  const talk = RelayTalk.in();
  talk.client("a IDLE\r\n");
  assert.match(talk.server("+ idling\r\n+ idling\r\n"), /^\+ idling\r\n\* BYE /);
  assert(talk.failure !== undefined);
});

test("IDLE › BYE, or the end of either side › is passed on", () => {
  const talk = RelayTalk.in();
  talk.client("a IDLE\r\n");
  talk.server("+ idling\r\n");
  assert.equal(talk.server("* BYE Server shutting down.\r\n"), "* BYE Server shutting down.\r\n");
  talk.serverEnd();
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
  const other = RelayTalk.in();
  other.client("a IDLE\r\n");
  other.server("+ idling\r\n");
  other.clientEnd();
  assert.deepEqual(other.told(), ["close-write"]);
  other.serverEnd();
  assert.deepEqual(other.told().sort(), ["end", "end"]);
});

test("IDLE › a server that repeats BYE and doesn't close › is disconnected after the time of the first one", () => {
  const talk = RelayTalk.in();
  talk.client("a IDLE\r\n");
  talk.server("+ idling\r\n");
  for (let second = 0; second < 5; second++) {
    assert.equal(talk.server("* BYE Leave.\r\n"), "* BYE Leave.\r\n");
    assert.deepEqual(talk.told(), []);
    talk.pass(1000);
  }
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});

test("IDLE › a client that idles for hours › isn't disconnected", () => {
  const talk = RelayTalk.in();
  talk.client("a IDLE\r\n");
  talk.server("+ idling\r\n");
  assert.equal(talk.pass(600 * minute), "");
  assert.deepEqual(talk.told(), []);
});

test("a custom command › runs › the server idles meanwhile, and what it tells comes between the lines", () => {
  const talk = RelayTalk.in();
  const { id } = talk.begin("a XWAIT x\r\n");
  assert.equal(talk.got(), "~2 IDLE\r\n");
  assert.equal(talk.server("+ idling\r\n"), "");
  talk.act((relay) => relay.untagged(id, ["XWAIT one"]));
  assert.equal(talk.server("* OK Still here\r\n* 5 EXISTS\r\n"), "* 5 EXISTS\r\n");
  talk.server("* 5 FETCH (BODY[] {4}\r\nhe");
  assert.equal(talk.act((relay) => relay.untagged(id, ["XWAIT ", new Uint8Array(1)])), "");
  assert.equal(talk.server("y!)\r\n"), "y!)\r\n* XWAIT ~{1}\r\n\0\r\n");
  assert.equal(talk.act((relay) => relay.continue(id, "waiting")), "+ waiting\r\n");
  assert.equal(talk.client("done\r\nb NOOP\r\n"), "");
  assert.deepEqual(talk.told(), ["command", "done"]);
  assert.equal(talk.got(), "DONE\r\n");
  const answer = talk.act((relay) => relay.finish(id, { status: "OK", text: "Waited." }));
  assert.equal(answer, "a OK Waited.\r\n");
  assert.equal(talk.got(), "");
  // The next command waits until the server listens to commands again.
  assert.equal(talk.server("* 6 EXISTS\r\n~2 OK Idle completed.\r\n"), "* 6 EXISTS\r\n");
  assert.equal(talk.got(), "b NOOP\r\n");
});

test("a custom command › among others › waits for earlier ones, and holds later ones back", () => {
  const talk = RelayTalk.in();
  talk.client("a NOOP\r\nb XASK x\r\nc NOOP\r\n");
  assert.equal(talk.got(), "a NOOP\r\n");
  assert.deepEqual(talk.told(), []);
  talk.server("a OK Done.\r\n");
  const [command] = talk.events;
  assert(command.type === "command" && command.name === "XASK");
  // A short one needs no company.
  assert.equal(talk.got(), "");
  talk.act((relay) => relay.finish(command.id, { status: "NO", text: "No." }));
  assert.equal(talk.got(), "c NOOP\r\n");
});

test("a custom command › over before the server's continuation › the server gets DONE after it", () => {
  const talk = RelayTalk.in();
  const { id } = talk.begin("a XWAIT\r\n");
  talk.act((relay) => relay.finish(id, { status: "OK", text: "Done." }));
  talk.client("b NOOP\r\n");
  assert.equal(talk.got(), "~2 IDLE\r\n");
  talk.server("+ idling\r\n");
  assert.equal(talk.got(), "DONE\r\n");
  talk.server("~2 OK Done.\r\n");
  assert.equal(talk.got(), "b NOOP\r\n");
});

test("a custom command › over, and the client half-closes › the server gets DONE before the half-close", () => {
  for (const idlesAlready of [true, false]) {
    const talk = RelayTalk.in();
    const { id } = talk.begin("a XWAIT x\r\n");
    if (idlesAlready) talk.server("+ idling\r\n");
    talk.client("DONE\r\n");
    talk.act((relay) => relay.finish(id, { status: "OK", text: "Done." }));
    talk.told();
    talk.clientEnd();
    assert.deepEqual(talk.told(), []);
    if (!idlesAlready) talk.server("+ idling\r\n");
    assert.equal(talk.got(), "~2 IDLE\r\nDONE\r\n");
    assert.deepEqual(talk.told(), []);
    talk.server("~2 OK Idle completed.\r\n");
    assert.deepEqual(talk.told(), ["close-write"]);
    assert.equal(talk.got(), "");
    talk.serverEnd();
    assert.deepEqual(talk.told().sort(), ["end", "end"]);
  }
});

test("a custom command › follows another one › the server idles on or again", () => {
  const talk = RelayTalk.in();
  const first = talk.begin("a XWAIT\r\n");
  talk.server("+ idling\r\n");
  talk.act((relay) => relay.finish(first.id, { status: "OK", text: "Done." }));
  assert.equal(talk.got(), "~2 IDLE\r\nDONE\r\n");
  const second = talk.begin("b XWAIT\r\n");
  assert.notEqual(first.id, second.id);
  assert.equal(talk.got(), "");
  talk.server("~2 OK Done.\r\n");
  assert.equal(talk.got(), "~3 IDLE\r\n");
  talk.server("+ idling\r\n");
  talk.act((relay) => relay.cancel(second.id));
  assert.equal(talk.got(), "DONE\r\n");
});

test("a custom command › ended by a wrong line › the server is freed as well", () => {
  const talk = RelayTalk.in();
  talk.begin("a XWAIT\r\n");
  talk.server("+ idling\r\n");
  talk.got();
  assert.equal(talk.client("x NOOP {8+}\r\ny NOOP\r\n\r\nb NOOP\r\n"), "a BAD Expected DONE.\r\n");
  assert.equal(talk.got(), "DONE\r\n");
  talk.server("~2 OK Done.\r\n");
  assert.equal(talk.got(), "b NOOP\r\n");
  assert.deepEqual(talk.told(), ["command", "mistake", "cancel"]);
});

test("a custom command › for hours › the server hears of the client every 15 minutes", () => {
  const talk = RelayTalk.in({ keepaliveInterval: 0 });
  talk.begin("a XWAIT\r\n");
  talk.server("+ idling\r\n");
  assert.equal(talk.got(), "~2 IDLE\r\n");
  talk.pass(14 * minute);
  assert.equal(talk.got(), "");
  talk.pass(1 * minute);
  assert.equal(talk.got(), "DONE\r\n");
  talk.server("~2 OK Done.\r\n");
  assert.equal(talk.got(), "~3 IDLE\r\n");
  talk.pass(60 * minute);
  assert.equal(talk.got(), "");
  talk.server("+ idling\r\n");
  talk.pass(15 * minute);
  assert.equal(talk.got(), "DONE\r\n");
});

test("a custom command › a server that has no IDLE, or refuses it › gets NOOPs", () => {
  const without = RelayTalk.greeted({ keepaliveInterval: 0 });
  without.client("in LOGIN alice secret\r\n");
  without.server("~1 OK [CAPABILITY IMAP4rev1] Logged in\r\n");
  const refusing = RelayTalk.in({ keepaliveInterval: 0 });
  for (const talk of [without, refusing]) {
    talk.heard();
    talk.got();
    const { id } = talk.begin("a XWAIT\r\n");
    let last = 1;
    if (talk === refusing) {
      assert.equal(talk.got(), `~${++last} IDLE\r\n`);
      assert.equal(talk.server("~2 BAD Unknown command.\r\n"), "");
    }
    assert.equal(talk.got(), "");
    for (let round = 0; round < 3; round++) {
      talk.pass(15 * minute);
      assert.equal(talk.got(), `~${++last} NOOP\r\n`);
      assert.equal(talk.server(`* 3 EXISTS\r\n~${last} OK Done.\r\n`), "* 3 EXISTS\r\n");
    }
    talk.act((relay) => relay.finish(id, { status: "OK", text: "Done." }));
    talk.client("b NOOP\r\n");
    assert.equal(talk.got(), "b NOOP\r\n");
    talk.server("b OK\r\n");
    // One that ends while a NOOP is under way.
    const { id: other } = talk.begin("c XWAIT\r\n");
    if (talk === refusing) talk.server(`~${++last} BAD Unknown command.\r\n`);
    talk.pass(15 * minute);
    talk.act((relay) => relay.finish(other, { status: "OK", text: "Done." }));
    talk.client("d NOOP\r\n");
    assert.match(talk.got(), /NOOP\r\n$/);
    talk.server(`~${++last} OK Done.\r\n`);
    assert.equal(talk.got(), "d NOOP\r\n");
  }
});

test("a custom command › BYE or the end of the server › ends it", () => {
  const talk = RelayTalk.in();
  talk.begin("a XWAIT\r\n");
  talk.server("+ idling\r\n");
  assert.equal(talk.server("* BYE Kicked.\r\n"), "* BYE Kicked.\r\n");
  talk.serverEnd();
  assert.deepEqual(talk.told().sort(), ["cancel", "command", "end", "end"]);
  const other = RelayTalk.in();
  other.begin("a XWAIT\r\n");
  assert.match(other.serverEnd(), /^\* BYE /);
  assert.deepEqual(other.told().sort(), ["cancel", "command", "end", "end"]);
});

test("a custom command › the client ends › both sides end", () => {
  const talk = RelayTalk.in();
  talk.begin("a XWAIT\r\n");
  talk.server("+ idling\r\n");
  talk.clientEnd();
  assert.deepEqual(talk.told(), ["command", "cancel", "end", "end"]);
});

test("a custom command › a continuation of the server that isn't for the IDLE › fails", () => {
  const talk = RelayTalk.in();
  talk.begin("a XWAIT\r\n");
  assert.equal(talk.server("+ idling\r\n"), "");
  assert.match(talk.server("+ idling\r\n"), /^\* BYE /);
  assert(talk.failure !== undefined);
});

test("a custom command › of large responses, inside one of the server's › doesn't hold the server back", () => {
  const talk = RelayTalk.in();
  const { id } = talk.begin("a XWAIT\r\n");
  talk.server("+ idling\r\n");
  assert.equal(talk.server("* 1 FET"), "* 1 FET");
  const large = "x".repeat(300_000);
  assert.equal(talk.act((relay) => relay.untagged(id, ["XDATA ", encodeUtf8(large)])), "");
  // The client has nothing to read until the server goes on.
  assert.equal(talk.relay.client.pendingOutput, 0);
  assert(talk.relay.upstream.mayRead);
  assert(!talk.relay.isWritable(id));
  assert.equal(
    talk.server("CH (FLAGS ())\r\n"),
    `CH (FLAGS ())\r\n* XDATA {300000}\r\n${large}\r\n`,
  );
  assert(talk.relay.isWritable(id));
});

test("a custom command › keepalives of the relay › go out between the server's responses", () => {
  const talk = RelayTalk.in({ keepaliveInterval: 2 * minute });
  talk.begin("a XWAIT\r\n");
  talk.server("+ idling\r\n");
  assert.equal(talk.pass(2 * minute), "* OK Still here\r\n");
  talk.server("* 1 FETCH (BODY[] {4}\r\nhe");
  assert.equal(talk.pass(2 * minute), "");
  assert.equal(talk.server("y!)\r\n").startsWith("y!)\r\n"), true);
});

test("shutting down › at once where nothing is lost › BYE", () => {
  const bye = "* BYE Shutting down.\r\n";
  const shutDown = (talk: RelayTalk) => talk.act((relay) => relay.shutDown("Shutting down."));
  const states: Record<string, (talk: RelayTalk) => void> = {
    quiet: () => {},
    idling(talk) {
      talk.client("a IDLE\r\n");
      talk.server("+ idling\r\n");
    },
    waiting(talk) {
      talk.begin("a XWAIT\r\n");
      talk.server("+ idling\r\n");
    },
  };
  for (const enter of Object.values(states)) {
    const talk = RelayTalk.in();
    enter(talk);
    talk.told();
    assert.equal(shutDown(talk), bye);
    assert.deepEqual(talk.told().filter((type) => type !== "cancel"), ["end", "end"]);
  }
  assert.equal(shutDown(RelayTalk.greeted()), bye);
  assert.equal(shutDown(new RelayTalk()), bye);
});

test("shutting down › with open commands › when they are answered; no other one begins", () => {
  const talk = RelayTalk.in();
  talk.client("a FETCH 1 BODY[]\r\nb APPEND INBOX {2+}\r\nhi\r\nc NOOP\r\n");
  assert.equal(talk.act((relay) => relay.shutDown("Shutting down.")), "");
  assert.equal(talk.server("a OK Done.\r\n"), "a OK Done.\r\n");
  talk.server("+ OK\r\n");
  assert.equal(talk.got(), "a FETCH 1 BODY[]\r\nb APPEND INBOX {2}\r\nhi\r\n");
  assert.equal(talk.server("b OK Done.\r\n"), "b OK Done.\r\n* BYE Shutting down.\r\n");
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});

test("shutting down › while a short custom command runs › when it is over", () => {
  const talk = RelayTalk.in();
  const { id } = talk.begin("a XASK\r\n");
  assert.equal(talk.act((relay) => relay.shutDown("Shutting down.")), "");
  assert.equal(
    talk.act((relay) => relay.finish(id, { status: "OK", text: "Yes." })),
    "a OK Yes.\r\n* BYE Shutting down.\r\n",
  );
});

test("shutting down › after the client's DONE › when the result has come", () => {
  const talk = RelayTalk.in();
  const { id } = talk.begin("a XWAIT\r\nDONE\r\n");
  assert.equal(talk.act((relay) => relay.shutDown("Shutting down.")), "");
  assert.equal(
    talk.act((relay) => relay.finish(id, { status: "OK", text: "Yes." })),
    "a OK Yes.\r\n* BYE Shutting down.\r\n",
  );
});

test("a custom command › a line that waits for the end of a response › follows that one, however the bytes came", () => {
  const texts = ["* 1 FETCH (X {3}\r\nab", "c)\r\n", "* 2 FETCH (X {3}\r\nabc)\r\n* 3 FETCH"];
  for (const rest of [texts.slice(1), [texts.slice(1).join("")]]) {
    const talk = RelayTalk.in();
    const { id } = talk.begin("a XWAIT\r\n");
    talk.server(`+ idling\r\n${texts[0]}`);
    talk.act((relay) => relay.untagged(id, ["XWAIT one"]));
    for (const text of rest) talk.relay.upstream.receive(bytesOf(text));
    talk.pump();
    assert.equal(
      talk.heard(),
      "c)\r\n* XWAIT one\r\n* 2 FETCH (X {3}\r\nabc)\r\n* 3 FETCH",
    );
  }
});

/** A conversation in which a mailbox is selected, and a custom command runs while the server idles. */
function waitingInMailbox(): { readonly talk: RelayTalk; readonly id: number } {
  const talk = RelayTalk.in();
  talk.client("s SELECT INBOX\r\n");
  talk.server("s OK [READ-WRITE] Done.\r\n");
  const { id } = talk.begin("a XWAIT\r\n");
  talk.server("+ idling\r\n");
  talk.got();
  return { talk, id };
}

const over: readonly (readonly [string, (talk: RelayTalk, id: number) => string, string])[] = [
  ["finished", (talk, id) => {
    talk.client("DONE\r\n");
    return talk.act((relay) => relay.finish(id, { status: "OK", text: "Waited." }));
  }, "a OK Waited.\r\n"],
  ["ended by a wrong line", (talk) => talk.client("x\r\n"), "a BAD Expected DONE.\r\n"],
  [
    "cancelled",
    (talk, id) => talk.act((relay) => relay.cancel(id)),
    "a NO The command was cancelled.\r\n",
  ],
];

for (const [how, end, answer] of over) {
  test(`a custom command › ${how} while a mailbox is selected › is answered after what the server's IDLE tells`, () => {
    const { talk, id } = waitingInMailbox();
    assert.equal(end(talk, id), "");
    assert.equal(talk.got(), "DONE\r\n");
    assert.equal(talk.client("b STORE 3 +FLAGS (\\Deleted)\r\n"), "");
    // Messages are numbered anew before the client hears that it is over.
    assert.equal(talk.server("* 2 EXPUNGE\r\n"), "* 2 EXPUNGE\r\n");
    assert.equal(talk.got(), "");
    assert.equal(talk.server("~2 OK Idle completed.\r\n"), answer);
    assert.equal(talk.got(), "b STORE 3 +FLAGS (\\Deleted)\r\n");
  });
}

test("a custom command › over while a mailbox is selected, and the server falls silent › is answered at the end", () => {
  for (const end of ["server", "shutdown"]) {
    const { talk, id } = waitingInMailbox();
    const done = { status: "OK", text: "Done." } as const;
    assert.equal(talk.act((relay) => relay.finish(id, done)), "");
    const heard = end === "server"
      ? talk.serverEnd()
      : talk.act((relay) => relay.shutDown("Shutting down."));
    assert.match(heard, /^a OK Done\.\r\n\* BYE .*\r\n$/);
  }
});

test("a custom command › over after the mailbox was closed › is answered at once", () => {
  for (const close of ["CLOSE", "UNSELECT", "SELECT nosuch"]) {
    const talk = RelayTalk.in();
    talk.client("s SELECT INBOX\r\n");
    talk.server("s OK Done.\r\n");
    talk.client(`c ${close}\r\n`);
    talk.server(`c ${close.includes(" ") ? "NO" : "OK"} Done.\r\n`);
    const { id } = talk.begin("a XWAIT\r\n");
    talk.server("+ idling\r\n");
    const answer = talk.act((relay) => relay.finish(id, { status: "OK", text: "Waited." }));
    assert.equal(answer, "a OK Waited.\r\n", close);
  }
});
