/**
 * What is decoded of conversations, and of what breaks the protocol.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConversationDecoder, type TraceItem } from "../../../../core/doveadm/mod.ts";
import { encodePacket } from "../../../../core/doveadm/multiplex.ts";
import { LocalProtocolError } from "../../../../core/mod.ts";
import { fromBytes, toBytes } from "../byte_strings.ts";
import { decode, isComplete, placesOf, type Said, shortOf } from "./decode.ts";

const version = (minor: number) => `VERSION\tdoveadm-server\t1\t${minor}\n`;
const serverVersion = (minor: number) => `VERSION\tdoveadm-client\t1\t${minor}\n`;

/** A conversation that begins without a login. */
const begun = (minor: number): readonly Said[] => [
  ["client", version(minor)],
  ["server", `${minor === 0 ? "" : serverVersion(minor)}+\n`],
];

const login = (password: string, name = "doveadm") => `PLAIN\t${btoa(`\0${name}\0${password}`)}\n`;

const packet = (channel: number, text: string) => fromBytes(encodePacket(channel, toBytes(text)));

/** Decodes in both ways; returns the items in short, without those that frame others. */
function shortly(conversation: readonly Said[], skipped = 0): readonly string[] {
  const items = decode(conversation);
  assert.deepEqual(decode(conversation, { pieceSize: 1 }), items);
  for (const side of ["client", "server"] as const) {
    const size = conversation.reduce(
      (sum, [who, bytes = ""]) => who === side ? sum + bytes.length : sum,
      0,
    );
    assert(isComplete(placesOf(items, side), size), JSON.stringify(items));
  }
  return items.filter(({ content }) => content.type !== "frame").slice(skipped).map(shortOf);
}

test("decoder › a command with rows › has columns, rows and places", () => {
  const items = decode([
    ...begun(1),
    ["client", "\talice\tmailbox status\tmessages vsize\t*\n"],
    ["server", packet(0, "INBOX\t3\t") + packet(0x4c, "\x02hello\n") + packet(0, "4\t\n+\n")],
  ]);
  assert.deepEqual(items.slice(3).map(shortOf), [
    "client command mailbox status|messages vsize|*|alice",
    'server frame {"type":"packet","channel":0,"size":8}',
    "server value 1 mailbox=INBOX",
    "server value 1 messages=3",
    'server frame {"type":"packet","channel":76,"size":7}',
    "server log hello",
    'server frame {"type":"packet","channel":0,"size":5}',
    "server value 1 vsize=4",
    "server reply +",
  ]);
  assert.deepEqual(items.map(({ ranges }) => ranges.map(({ start, end }) => [start, end])), [
    ...[[[0, 27]], [[0, 27]], [[27, 29]], [[27, 66]], [[29, 34]], [[34, 40]], [[40, 42]]],
    ...[[[42, 47]], [[47, 54]], [[54, 59]], [[59, 61]], [[61, 64]]],
  ]);
});

test("decoder › a value in several packets › has a range in each", () => {
  const items = decode([
    ...begun(2),
    ["client", "\talice\tmailbox list\n"],
    ["server", packet(0, "IN") + packet(0x4c, "\x01x\n") + packet(0, "BOX\t\n+\n")],
  ]);
  const value = items.find(({ content }) => content.type === "value");
  assert.deepEqual(value?.ranges, [{ start: 34, end: 36 }, { start: 49, end: 53 }]);
});

test("decoder › the stream format with escapes › gives the values, and all bytes to them", () => {
  const stream = "\xff\xff\xff\xff\xff\x00\x02\x03\xfe";
  assert.deepEqual(
    shortly([
      ...begun(4),
      ["client", "\talice\tmailbox list\n"],
      ["server", `${stream}a\x03\xfe\x01\xfeb\x03c\t\x03\xfe\x00L\x04Ouch\n\x03\xfe\x00\0\n+\n`],
    ], 3),
    [
      "client command mailbox list|alice",
      "server value 1 mailbox=a\x03\\xfeb\x03c",
      "server log Ouch",
      "server reply +",
    ],
  );
});

test("decoder › input of a command › ends with its dot", () => {
  assert.deepEqual(
    shortly([
      ...begun(0),
      ["client", "\talice\tsave\t-m\tINBOX\n.Subject: x\r\n\r\n..dot\r\n.\r\n\t\twho\n"],
      ["server", "\n+\n\n+\n"],
    ], 2),
    [
      "client command save|-m|INBOX|alice",
      "client input Subject: x\r\n\r\n.dot",
      "client command who",
      "server reply +",
      "server reply +",
    ],
  );
});

test("decoder › flags, extra fields and options of 1.3 › are told", () => {
  const [, , , option, command] = decode([
    ...begun(3),
    ["client", "\t\tOPTION\tlog-passthrough\nDx\tproxy-ttl=5\x01tforward=a\talice\twho\n"],
  ]);
  assert.equal(shortOf(option), "client option log-passthrough");
  assert.equal(shortOf(command), "client command who|alice|proxy-ttl=5|forward=a");
  assert(command.content.type === "command" && command.content.command.verbosity === "debug");
});

test("decoder › a login that is refused › tells who and that", () => {
  assert.deepEqual(
    shortly([
      ["client", version(1) + login("s3cret", "admin")],
      ["server", `${serverVersion(3)}-\n-\n`],
      ["server", undefined],
    ]),
    [
      "client version 1.1",
      "client login admin",
      "server version 1.3",
      "server login-wanted",
      "server refused",
      "server end",
    ],
  );
});

test("decoder › a VERSION line after the + › decides what follows", () => {
  assert.deepEqual(
    shortly([
      ["client", version(1)],
      ["server", `+\n${serverVersion(1)}`],
      ["client", "\t\twho\n"],
      ["server", packet(0, "\n+\n")],
    ]),
    [
      "client version 1.1",
      "server accepted 1.0",
      "server version 1.1",
      "client command who",
      "server reply +",
    ],
  );
  assert.deepEqual(
    shortly([["client", `${version(1)}\t\twho\n`], ["server", "+\nVERSION\t\n+\n"]]),
    [
      ...["client version 1.1", "client command who", "server accepted 1.0"],
      ...["server value 1 username=VERSION", "server reply +"],
    ],
  );
});

test("decoder › TLS at any place › says that nothing after it can be decoded", () => {
  const record = "\x16\x03\x01\x00\x05hello\n";
  const both = (items: readonly TraceItem[]) =>
    items.filter(({ content }) => content.type === "encrypted" || content.type === "bytes")
      .map(shortOf);
  const expected = [
    "client encrypted",
    "server encrypted",
    "client bytes hidden",
    "server bytes hidden",
  ];
  assert.deepEqual(both(decode([["client", record], ["server", record]])), expected);
  const started: readonly Said[] = [
    ...[["client", version(2)], ["server", `${serverVersion(2)}-\n`]] satisfies Said[],
    ...[["client", `STARTTLS\n${record}`], ["server", record]] satisfies Said[],
  ];
  assert.deepEqual(both(decode(started)), expected);
  assert.deepEqual(decode(started, { pieceSize: 1 }), decode(started));
});

test("decoder › passwords in all places › are concealed", () => {
  const hidden = ["hunter22", "AGRvdmVhZG0AaHVudGVyMjI", "neverShown", "alsoHidden", "keyOfX"]
    .concat("replaced", "inUrl", "with@sign");
  const conversation: readonly Said[] = [
    ["client", `${version(3)}${login("hunter22")}`],
    ["server", `${serverVersion(3)}-\n+\n`],
    [
      "client",
      "\talice\tmailbox cryptokey password\t-n\tneverShown\t--old-pass=alsoHidden\n" +
      "\talice\tmailbox cryptokey password\t-Un\tneverShown\t--bogus\tneverShown\n" +
      "\talice\tmailbox cryptokey password\t-nreplaced\t-n\tnewest\t-oreplaced\t--old-p=old\n" +
      "\t\tfs get\ts3:https://alice:inUrl/with@sign@s3.example.org/x\tpath\n" +
      "\t\tauth test\talice\tneverShown\n" +
      "x\tforward=token=alsoHidden\talice\tmailbox list\t--api-key\tkeyOfX\tpassword=neverShown\n" +
      "\thunter22\tuser\thunter22\n" +
      "\talice\tmailbox cryptokey export\n",
    ],
    [
      "server",
      packet(
        0x4c,
        "\x04Bad password hunter22 of AGRvdmVhZG0AaHVudGVyMjI=\n" +
          "\x01X-Dovecot-API: keyOfX\n\x01Authorization: Basic keyOfX neverShown\n" +
          '\x01{"mail_crypt_private_password":"neverShown"}\n',
      ) + packet(
        0,
        "\n-hunter22 hunter22\n".repeat(5) + "a\thunter22\t\n+\n" +
          '{"alice":{"pass":"neverShown","x":"hunter22"}}\n+\nneverShown\talsoHidden\t\n+\n',
      ),
    ],
    ["client", "PLAIN\tAGRvdmVhZG0AaHVudGVyMjI=\nPLAIN\thunter22"],
  ];
  for (const maxShown of [1, 12, 1000]) {
    const text = JSON.stringify(decode(conversation, { maxShown }));
    for (const secret of hidden) assert(!text.includes(secret), `${secret}: ${text}`);
  }
  const shown = JSON.stringify(decode(conversation));
  for (const word of ["alice", "Bad password", "mailbox list", "mail_crypt"]) {
    assert(shown.includes(word), word);
  }
});

test("decoder › a login of any other kind › is concealed as a whole", () => {
  for (
    const line of [
      "PLAIN\t!!secret!!",
      "PLAIN secret",
      "plain\tsecret",
      "LOGIN\tdoveadm\tsecret",
      "AUTHENTICATE PLAIN secret",
      "Authorization: Basic secret",
      "X-Dovecot-API: secret",
      "secret",
      "PLAIN\tAGRvdmVhZG0Ac2VjcmV0",
    ]
  ) {
    const conversation: readonly Said[] = [
      ["client", `${version(1)}${line}\n${line}`],
      ["server", `${serverVersion(1)}-\n-secret\n`],
    ];
    // What is a login is looked for in all texts, and what isn't one is shown in none of the client's.
    const items = decode(conversation).filter(({ side }) =>
      side === "client" || /^\w+\t/.test(line)
    );
    assert.doesNotMatch(JSON.stringify(items), /secret|c2VjcmV0/, line);
  }
});

test("decoder › a secret that the shown part cuts › is concealed", () => {
  const secret = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (let before = 0; before < 30; before++) {
    const items = decode([
      ["client", version(1) + login(secret)],
      ["server", `${serverVersion(1)}-\n+\n`],
      ["client", "\talice\tmailbox list\n"],
      ["server", packet(0, `${"x".repeat(before)}${secret}\t\n+\n`)],
    ], { maxShown: 20 });
    assert.doesNotMatch(JSON.stringify(items), /abc/);
  }
});

test("decoder › more logins than can be remembered › hide all texts", () => {
  const logins = Array.from({ length: 100 }, (_, at) => login(`password${at}`)).join("");
  const items = decode([
    ["client", version(1) + logins],
    ["server", `${serverVersion(1)}-\n+\n`],
    ["client", "\tpassword99\twho\n"],
  ]);
  assert.equal(shortOf(items.at(-1)!), "client command …|…");
});

test("decoder › rows after their reply › are told once, and the next command is decoded", () => {
  assert.deepEqual(
    shortly([
      ...begun(0),
      ["client", "\t\twho\n"],
      ["server", "\n+\nalice\t"],
      ["server", "1\t"],
      ["client", "\talice\tmailbox list\n"],
      ["server", "INBOX\t\n+\n"],
    ], 2),
    [
      "client command who",
      "server reply +",
      "server value ? ?=alice ! Expected nothing: no command was running. Dovecot sends the rows of some " +
      "commands after their reply if they aren't the first of a connection.",
      "server value ? ?=1",
      "client command mailbox list|alice",
      "server value 3 mailbox=INBOX",
      "server reply +",
    ],
  );
});

test("decoder › lines that are no commands › are mistakes, and the next line is decoded", () => {
  const expected = "Expected a command: flags, user, name and arguments, with TABs between.";
  assert.deepEqual(
    shortly([...begun(2), ["client", "\nq\ta\tb\n\ta\nx\ty\tz\tw\n\t\twho\n"]], 3),
    [
      `client bytes  ! ${expected}`,
      `client bytes q\ta\tb ! ${expected} Here "q" is not a flag.`,
      `client bytes \ta ! ${expected}`,
      `client bytes x\ty\tz\tw ! ${expected} Here "x" is not a flag below protocol 1.3.`,
      "client command who",
    ],
  );
});

test("decoder › a reply with a line end among its values › goes on after it", () => {
  assert.deepEqual(
    shortly([...begun(0), ["client", "\t\twho\n"], ["server", "a\t\nb\t\n+\n"]], 3),
    [
      "server value 1 username=a",
      'server bytes \n ! Expected "+" or "-" after this line end, the end of a reply. What follows is read as values.',
      "server value 1 connections=b",
      "server reply +",
    ],
  );
});

test("decoder › wrong channels and switches › are mistakes, and the rest is decoded", () => {
  const stream = "\xff\xff\xff\xff\xff\x00\x02\x03\xfe";
  const who: Said = ["client", "\t\twho\n"];
  const mistakes = (conversation: readonly Said[]) => {
    shortly(conversation);
    return decode(conversation).flatMap(({ mistake }) => mistake ?? []);
  };
  assert.deepEqual(mistakes([...begun(1), who, ["server", packet(7, "xy") + packet(0, "\n+\n")]]), [
    "Expected channel 0, the replies, or 76, the log.",
  ]);
  assert.deepEqual(mistakes([...begun(4), who, ["server", `${stream}\x03\xfe\x07\n+\n`]]), [
    "Expected 0, for a switch, or 1, for the byte 03, after 03 fe.",
  ]);
  assert.deepEqual(mistakes([...begun(4), who, ["server", packet(0, "\n+\n")]]), [
    "Expected the stream format, as in version 1.4.",
  ]);
  assert.deepEqual(mistakes([...begun(1), who, ["server", `${stream}\n+\n`]]), [
    "Expected packets, as in version 1.1.",
  ]);
  assert.match(
    mistakes([...begun(4), who, ["server", "\xff\xff\xff\xff\xff\x01 and more"]])[0],
    /the header/,
  );
});

test("decoder › sides that end anywhere › account for all bytes, and say within what", () => {
  const client = `${version(3)}${login("s3cret")}\talice\tsave\n.Subject\r\n.\r\n\t\twho\n`;
  const server = serverVersion(3) + "-\n+\n" + packet(0x4c, "\x03log\n") +
    packet(0, "\n+\na\tb\tc\td\t") + packet(0, "\n-TEMPFAIL now\n");
  for (const isFin of [true, false]) {
    const ends = (side: "client" | "server"): readonly Said[] => isFin ? [[side, undefined]] : [];
    for (let at = 0; at <= client.length; at++) {
      shortly([["client", client.slice(0, at)], ...ends("client")]);
    }
    for (let at = 0; at <= server.length; at++) {
      shortly([["client", client], ["server", server.slice(0, at)], ...ends("server")]);
    }
  }
  const last = shortly([["client", client], ["server", server.slice(0, -4)], [
    "server",
    undefined,
  ]]);
  assert.deepEqual(last.slice(-3), [
    "server bytes -TEMPFAIL  ! The server ends within the end of a reply.",
    "server bytes hidden ! The server ends within a packet: 4 bytes are missing.",
    "server end  ! Expected the reply to command 2.",
  ]);
});

test("decoder › a command that isn't answered › is told at the server's end", () => {
  const items = shortly([...begun(0), ["client", "\t\twho\n".repeat(30)], ["server", undefined]]);
  assert.equal(
    items.at(-1),
    "server end  ! Expected the reply to commands 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 20 others.",
  );
});

test("decoder › only the server's bytes › are decoded without mistakes", () => {
  const server = serverVersion(3) + "-\n+\n" + packet(0, "a\tb\t\n+\n\n-NOUSER\n");
  assert.deepEqual(shortly([["server", server]]), [
    ...["server version 1.3", "server login-wanted", "server accepted 1.3", "server value ? ?=a"],
    ...["server value ? ?=b", "server reply +", "server reply -NOUSER"],
  ]);
});

test("decoder › dsync's own protocol › is told as bytes", () => {
  assert.deepEqual(
    shortly([...begun(0), ["client", "\talice\tdsync-server\t-U\nVERSION\tdsync\t3\t5\n"]], 2),
    ["client command dsync-server|-U|alice", "client bytes VERSION\tdsync\t3\t5"],
  );
});

test("decoder › names of prototypes › are names like others", () => {
  assert.deepEqual(
    shortly([
      ...begun(3),
      ["client", "x\t__proto__=a\x01tconstructor=b\t__proto__\tconstructor\ttoString\n"],
      ["server", packet(0, "__proto__\t\n-constructor\n")],
    ], 3),
    [
      "client command constructor|toString|__proto__|__proto__=a|constructor=b",
      "server value ? ?=__proto__",
      "server reply -constructor",
    ],
  );
});

test("decoder › values of any length › keep little memory, and their beginning", () => {
  const decoder = new ConversationDecoder({ maxShown: 10 });
  const say = (side: "client" | "server", text: string) => {
    decoder.receive(side, toBytes(text));
    let last: TraceItem | undefined;
    for (let item; (item = decoder.nextItem(side)) !== undefined;) last = item;
    return last;
  };
  say("client", `${version(0)}\t\twho\n`);
  say("server", "+\n");
  const chunk = "x".repeat(1_000_000);
  for (let count = 0; count < 50; count++) assert.equal(say("server", chunk), undefined);
  const item = say("server", "\t");
  assert(item?.content.type === "value");
  assert.deepEqual(item.content.text, { text: "xxxxxxxxxx", size: 50_000_000, isCut: true });
});

test("decoder › 30,000 values, packets and commands at once › are decoded, and bound what an item keeps", () => {
  const count = 30_000;
  const items = decode([
    ...begun(1),
    ["client", "\t\twho\n".repeat(count)],
    ["server", packet(0, "v").repeat(count) + packet(0, "\t\n+\n").repeat(count)],
  ]);
  assert.equal(items.filter(({ content }) => content.type === "reply").length, count);
  // What is between the ranges after the first thousand is joined to the last of them.
  const value = items.find(({ content }) => content.type === "value");
  assert.equal(value?.ranges.length, 1000);
});

test("decoder › a maxShown that is none › is refused", () => {
  for (const maxShown of [0, -1, 1.5, NaN, Infinity, 1_000_001, null, "9"]) {
    assert.throws(
      () => new ConversationDecoder({ maxShown: maxShown as number }),
      (error) => error instanceof LocalProtocolError && /"maxShown" is/.test(error.message),
    );
  }
});

test("decoder › bytes after a side's end › are the caller's mistake", () => {
  const decoder = new ConversationDecoder();
  decoder.receiveEnd("client");
  decoder.receiveEnd("client");
  assert.throws(() => decoder.receive("client", toBytes("x")), LocalProtocolError);
});
