import { test } from "node:test";
import {
  type DoveadmClientEvent,
  DoveadmClientProtocol,
  type DoveadmClientProtocolOptions,
  type DoveadmCommand,
  tabEscapeBytes,
} from "../../../core/doveadm/mod.ts";
import { concat, encodeUtf8 } from "../../../core/mod.ts";
import { type Conversation, lawTests, type Step } from "../../harness/laws.ts";
import { ServerBytes } from "./dialogue.ts";

type Client = DoveadmClientProtocol;

const list = { name: "mailbox list", user: "alice" };
const save = { name: "save", user: "alice", args: ["-m", "INBOX"], input: true };
const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

const laws = lawTests<DoveadmClientEvent, Client>({
  name: "doveadm client",
  make: () => new DoveadmClientProtocol({ maxMinor: 2 }),
  snapshot(event) {
    if (event.type !== "reply") {
      return "chunk" in event ? { ...event, chunk: [...event.chunk] } : event;
    }
    const { id, ok, fields, rawFields, detail } = event;
    const raw = rawFields.map((field) => [...field]);
    return { id, ok, fields, raw, detail, code: ok ? undefined : event.code };
  },
  join(first, second) {
    if (!("chunk" in first && "chunk" in second) || first.id !== second.id) return undefined;
    if (first.type === "field" && first.final) return undefined;
    return { ...second, chunk: concat([first.chunk, second.chunk]) };
  },
  copy(event) {
    if ("chunk" in event) return { ...event, chunk: event.chunk.slice() };
    // Decoded on first use; `rawFields` last, since they are made in place.
    if (event.type === "reply") void [event.fields, event.rawFields];
    return event;
  },
  answered: (event) => event.type === "reply" ? event.id : undefined,
  unanswered: (event) => event.type === "end" ? event.unanswered : undefined,
  conversations: [
    ...[0, 1, 2, 3, 4].flatMap(conversationsOf),
    logins(),
    startTls(),
    startTlsWithBytesBehindIt(),
    ...lateVersions(),
    refusedInput(),
    ...remoteMistakes(),
  ],
  localMistakes: [
    mistake("an empty name", (client) => client.send({ name: "" })),
    mistake("a name with spaces around it", (client) => client.send({ name: " who" })),
    mistake("OPTION", (client) => client.send({ name: "OPTION", args: ["log-passthrough"] })),
    mistake("a NUL in an argument", (client) => client.send({ ...list, args: ["a\0b"] })),
    mistake("a NUL in the user", (client) => client.send({ ...list, user: "\0" })),
    mistake("half a surrogate pair", (client) => client.send({ ...list, args: ["\ud800"] })),
    mistake(
      "an argument that is no string",
      (client) => client.send({ ...list, args: [1 as unknown as string] }),
    ),
    mistake(
      "an unknown verbosity",
      (client) => client.send({ ...list, verbosity: "loud" as "debug" }),
    ),
    mistake(
      "extra fields below 1.3",
      (client) => client.send({ ...list, extraFields: { "proxy-ttl": "1" } }),
    ),
    mistake(
      "a line of more than 1 MiB",
      (client) => client.send({ ...list, args: ["x".repeat(1_048_576)] }),
    ),
    mistake("input of a request that was never made", (client) => client.write(99, everyByte)),
    mistake("input for a request without", (client) => client.write(1, everyByte)),
    mistake("the end of input for a request without", (client) => client.end(1)),
    mistake("TLS that nobody asked for", (client) => client.tlsStarted()),
    mistake("bytes that are none", (client) => client.receive("x" as unknown as Uint8Array)),
  ],
  floods: [
    {
      limit: "handshakeLine",
      make: () => new DoveadmClientProtocol(),
      steps: [],
      chunk: () => encodeUtf8("VERSION"),
      most: 2048,
    },
    flood("reply", { limits: { reply: 1_000_000 } }, () => encodeUtf8("INBOX\t"), 1_000_100),
    flood("statusLine", {}, (at) => encodeUtf8(at === 0 ? "\n-" : "NO"), 10_000),
    {
      limit: "logLine",
      make: () => new DoveadmClientProtocol(),
      steps: [{ peer: new ServerBytes(2).welcome() }, { local: (client) => client.send(list) }],
      chunk: () => new ServerBytes(2).channel(0x4c, "xxxxxxxxxxxxxxx"),
      most: 100_000,
    },
  ],
});

for (const [name, run] of Object.entries(laws)) test(name, run);

/** What every version can say, in its own framing. */
function conversationsOf(minor: number): Conversation<Client>[] {
  const server = new ServerBytes(minor);
  const make = () => new DoveadmClientProtocol({ maxMinor: minor, logPassthrough: true });
  const welcome: Step<Client>[] = [{ peer: server.welcome() }];
  const value = tabEscapeBytes(everyByte);
  return [
    {
      name: `1.${minor}: replies of all kinds, pipelined`,
      make,
      steps: [
        ...Array.from({ length: 9 }, () => ({ local: (client: Client) => client.send(list) })),
        ...welcome,
        {
          peer: server.all(
            server.main("INBOX\tSent\t\n+\n"),
            server.log("error", "something\tis wrong"),
            server.main("\t\n+\n0\t\n+\n\n+ text\n"),
            server.log("debug", "ünïcode"),
            server.main("INBOX\t\n-\n"),
            server.channel(0x58, "a channel that nobody knows\n"),
            server.main("\n-NOUSER\n\n-REFERRAL bob@192.0.2.1\n"),
            server.main('{"userList":["alice"]}\n+\n'),
          ),
        },
        { peer: server.main(concat([value, encodeUtf8("\t"), value, encodeUtf8("\t\n+\r\n")])) },
        { end: true },
      ],
    },
    {
      name: `1.${minor}: a streamed command between others`,
      make,
      steps: [
        ...welcome,
        { local: (client) => client.send(list) },
        { local: (client) => client.send({ name: "fetch", args: ["text"], streamed: true }) },
        { local: (client) => client.send({ name: "user", args: ["*"], streamed: true }) },
        { local: (client) => client.send(list) },
        {
          peer: server.all(
            server.main("INBOX\t\n+\n1\t"),
            server.main(value),
            server.log("warning", "half-way"),
            server.main(concat([value, encodeUtf8("\t\tlone\x01\t")])),
            server.main('\n-TEMPFAIL\n{"a":1}\n+\nINBOX\t\n+\n'),
          ),
        },
        { end: true },
      ],
    },
    {
      name: `1.${minor}: a command that is streamed escaped, between others`,
      make,
      steps: [
        ...welcome,
        { local: (client) => client.send(list) },
        { local: (client) => client.send({ name: "fetch", args: ["text"], streamed: "escaped" }) },
        { local: (client) => client.send({ name: "purge", streamed: "escaped" }) },
        { local: (client) => client.send(list) },
        {
          peer: server.all(
            server.main("INBOX\t\n+\n1\t"),
            server.main(value),
            server.log("warning", "half-way"),
            server.main(concat([value, encodeUtf8("\t\tlone\x01\t")])),
            server.main("\n-TEMPFAIL\n\n+\nINBOX\t\n+\n"),
          ),
        },
        { end: true },
      ],
    },
    {
      name: `1.${minor}: input, and commands after it`,
      make,
      steps: [
        ...welcome,
        { local: (client) => client.send(save) },
        { local: (client) => client.send(list) },
        { local: (client) => client.write(1, encodeUtf8("Subject: x\r\n\r\n")) },
        { local: (client) => client.write(1, encodeUtf8(".dot\n..\n.")) },
        { local: (client) => client.end(1) },
        { peer: server.main("\n+\nINBOX\t\n+\n") },
        { local: (client) => client.close() },
      ],
    },
  ];
}

function logins(): Conversation<Client> {
  return {
    name: "a password",
    make: () => new DoveadmClientProtocol({ password: "s3cret" }),
    steps: [
      { local: (client) => client.send(list) },
      { peer: encodeUtf8("VERSION\tdoveadm-client\t1\t2\r\n-\r\n") },
      { peer: encodeUtf8("+\n") },
      { peer: new ServerBytes(2).main("INBOX\t\n+\n") },
      { end: true },
    ],
  };
}

function startTls(): Conversation<Client> {
  return {
    name: "STARTTLS",
    make: () => new DoveadmClientProtocol({ password: "s3cret", starttls: "required" }),
    steps: [
      { local: (client) => client.send(list) },
      { peer: encodeUtf8("VERSION\tdoveadm-client\t1\t2\n-\n") },
      { local: (client) => client.tlsStarted() },
      { peer: encodeUtf8("+\n") },
      { peer: new ServerBytes(2).main("INBOX\t\n+\n") },
      { end: true },
    ],
  };
}

function startTlsWithBytesBehindIt(): Conversation<Client> {
  return {
    name: "STARTTLS with unencrypted bytes after it",
    make: () => new DoveadmClientProtocol({ password: "s3cret", starttls: "required" }),
    steps: [
      { local: (client) => client.send(list) },
      { peer: encodeUtf8("VERSION\tdoveadm-client\t1\t2\n-\n+\n") },
    ],
  };
}

/** The VERSION line after the "+", as servers of 2.2.33 to 2.2.36 send it, and things like it. */
function lateVersions(): Conversation<Client>[] {
  const server = new ServerBytes(1);
  const make = () => new DoveadmClientProtocol();
  return [
    {
      name: "the version after the +",
      make,
      steps: [
        { local: (client) => client.send(list) },
        { peer: encodeUtf8(`+\n${server.version}`) },
        { peer: server.all(server.log("info", "x"), server.main("INBOX\t\n+\n")) },
        { end: true },
      ],
    },
    {
      name: "no version, and a reply that begins like one",
      make,
      steps: [
        { local: (client) => client.send(list) },
        { peer: encodeUtf8("+\n") },
        { peer: encodeUtf8("VERSION\tdoveadm\t\n+\n") },
        { end: true },
      ],
    },
    {
      name: "no version, as the clock says",
      make,
      steps: [
        { peer: encodeUtf8("+\n") },
        { local: (client) => client.handleTimeout(5_000) },
        { local: (client) => client.handleTimeout(6_000) },
        { local: (client) => client.send(list) },
        { peer: encodeUtf8("INBOX\t\n+\n") },
        { end: true },
      ],
    },
  ];
}

function refusedInput(): Conversation<Client> {
  const server = new ServerBytes(2);
  return {
    name: "input that is refused while it is written",
    make: () => new DoveadmClientProtocol(),
    steps: [
      { peer: server.welcome() },
      { local: (client) => client.send({ ...save, args: ["--bogus"] }) },
      { local: (client) => client.write(1, encodeUtf8("\t\treload\n")) },
      { local: (client) => client.send(list) },
      { peer: server.main("\n-USAGE\n") },
      { local: (client) => client.write(1, encodeUtf8("\t\tstop\n")) },
    ],
  };
}

function remoteMistakes(): Conversation<Client>[] {
  const server = new ServerBytes(2);
  const asked: Step<Client>[] = [
    { peer: server.welcome() },
    { local: (client) => client.send(list) },
    { local: (client) => client.send(list) },
  ];
  const mistakes: readonly (readonly [string, string])[] = [
    ["no VERSION line at all", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["another service", "VERSION\tauth\t1\t1\n"],
    ["another major version", "VERSION\tdoveadm-client\t2\t0\n"],
    ["a version that is no number", "VERSION\tdoveadm-client\t1\tx\n"],
    ["a field too many", "VERSION\tdoveadm-client\t1\t2\t3\n"],
    ["two versions", "VERSION\tdoveadm-client\t1\t2\nVERSION\tdoveadm-client\t1\t2\n"],
    ["a password that is asked for", "VERSION\tdoveadm-client\t1\t2\n-\n"],
  ];
  return [
    ...mistakes.map(([name, text]) => ({
      name,
      make: () => new DoveadmClientProtocol(),
      steps: [{ peer: encodeUtf8(text) }],
    })),
    {
      name: "a refused password",
      make: () => new DoveadmClientProtocol({ password: "x" }),
      steps: [{ peer: encodeUtf8("-\n") }, { peer: encodeUtf8("-\n") }, { end: true }],
    },
    {
      name: "a status line that is none",
      make: () => new DoveadmClientProtocol(),
      steps: [...asked, { peer: server.main("INBOX\t\nwhat\n") }],
    },
    {
      name: "rows after the reply",
      make: () => new DoveadmClientProtocol(),
      steps: [...asked, { peer: server.main("\n+\n\n+\nINBOX\t") }],
    },
    {
      name: "a stream header that isn't known",
      make: () => new DoveadmClientProtocol(),
      steps: [...asked, { peer: Uint8Array.of(255, 255, 255, 255, 255, 1, 2, 3, 254, 10) }],
    },
    {
      name: "a switch that isn't known",
      make: () => new DoveadmClientProtocol(),
      steps: [...asked, { peer: Uint8Array.of(255, 255, 255, 255, 255, 0, 2, 3, 254, 3, 254, 2) }],
    },
  ];
}

function mistake(name: string, act: (client: Client) => unknown) {
  const server = new ServerBytes(2);
  const steps: Step<Client>[] = [
    { peer: server.welcome() },
    { local: (client) => client.send(list) },
    { peer: server.main("INBOX\t") },
    { peer: server.main("Sent\t") },
  ];
  return { name, steps, act };
}

function flood(
  limit: string,
  options: DoveadmClientProtocolOptions,
  chunk: (at: number) => Uint8Array,
  most: number,
) {
  const command: DoveadmCommand = list;
  return {
    limit,
    make: () => new DoveadmClientProtocol({ ...options, maxMinor: 0 }),
    steps: [
      { peer: encodeUtf8("+\n") },
      { local: (client: Client) => client.send(command) },
    ],
    chunk,
    most,
  };
}
