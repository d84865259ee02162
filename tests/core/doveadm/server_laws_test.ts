import { test } from "node:test";
import {
  type DoveadmServerEvent,
  DoveadmServerProtocol,
  type DoveadmServerProtocolOptions,
} from "../../../core/doveadm/mod.ts";
import { concat, encodeUtf8 } from "../../../core/mod.ts";
import { type Conversation, lawTests, type Step } from "../../harness/laws.ts";

type Server = DoveadmServerProtocol;

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const preauthenticated = { preauthenticated: true };
const login = `PLAIN\t${btoa("\0doveadm\0s3cret")}\n`;

const laws = lawTests<DoveadmServerEvent, Server>({
  name: "doveadm server",
  make: () => new DoveadmServerProtocol(preauthenticated),
  snapshot: (event) => event.type === "input" ? { ...event, chunk: [...event.chunk] } : event,
  join(first, second) {
    if (first.type !== "input" || second.type !== "input" || first.final) return undefined;
    return { ...second, chunk: concat([first.chunk, second.chunk]) };
  },
  begun: (event) => event.type === "command" ? event.id : undefined,
  answered: () => undefined,
  abandon: (server) => server.close(),
  unanswered: (event) => event.type === "end" ? event.unanswered : undefined,
  conversations: [
    ...[0, 1, 2, 3, 4].flatMap(conversationsOf),
    ...logins(),
    ...remoteMistakes(),
  ],
  localMistakes: [
    mistake("a command that doesn't run", (server) => server.writeField(7, "x")),
    mistake("the next command", (server) => server.succeed(2)),
    mistake("a command that nobody has", (server) => server.fail(0, "USAGE")),
    mistake("a code in small letters", (server) => server.fail(1, "usage")),
    mistake("a line end in the detail", (server) => server.fail(1, "USAGE", "a\nb")),
    mistake("a level that is none", (server) => server.log("loud" as "info", "x")),
    mistake("a value that is no bytes", (server) => server.writeField(1, 1 as unknown as string)),
    mistake("TLS that nobody asked for", (server) => server.tlsStarted()),
    mistake("a login that nobody tried", (server) => server.acceptLogin()),
    mistake("bytes that are none", (server) => server.receive("x" as unknown as Uint8Array)),
  ],
  floods: [
    flood("handshakeLine", { limits: { handshakeLine: 1000 } }, [], () => everyByte.subarray(11)),
    flood(
      "handshakeLine",
      {},
      [peer("VERSION\tdoveadm-server\t1\t2\n")],
      () => encodeUtf8("PLAIN"),
    ),
    flood(
      "commandLine",
      { ...preauthenticated, limits: { commandLine: 5000 } },
      [peer("VERSION\tdoveadm-server\t1\t2\n")],
      () => encodeUtf8("\t\twho\t"),
    ),
    flood(
      "backlog",
      { ...preauthenticated, limits: { backlog: 5000 } },
      [peer("VERSION\tdoveadm-server\t1\t2\n\t\twho\n")],
      () => encodeUtf8("\t\twho\n"),
    ),
    flood(
      "backlog",
      { loginEvents: true, limits: { backlog: 5000 } },
      [peer(`VERSION\tdoveadm-server\t1\t2\n${login}`)],
      () => encodeUtf8("\t\twho\n"),
    ),
  ],
});

for (const [name, law] of Object.entries(laws)) test(name, law);

function peer(text: string | Uint8Array): Step<Server> {
  return { peer: typeof text === "string" ? encodeUtf8(text) : text };
}

/** The caller answers a command. */
function answer(id: number, act: (server: Server) => void): Step<Server> {
  return {
    local(server) {
      act(server);
      server.succeed(id);
      return { answered: id };
    },
  };
}

function refuse(id: number, code: string, detail?: string): Step<Server> {
  return {
    local(server) {
      server.log("error", `No ${code}.`);
      server.fail(id, code, detail);
      return { answered: id };
    },
  };
}

function conversationsOf(minor: number): Conversation<Server>[] {
  const make = () => new DoveadmServerProtocol(preauthenticated);
  const hello = peer(`VERSION\tdoveadm-server\t1\t${minor}\r\n`);
  return [
    {
      name: `1.${minor}: commands, some of them before their turn`,
      make,
      steps: [
        hello,
        peer("\t\tOPTION\tlog-passthrough\n".repeat(minor >= 3 ? 1 : 0)),
        peer("\talice\tmailbox list\t-8\ta\x01tb\x01nc\t\nD\t\twho\r\nvD\tb\x011b\tuser\tä\n"),
        answer(1, (server) => {
          server.writeField(1, "INBOX");
          server.log("warning", "two\nlines");
          server.writeField(1, everyByte);
          server.writeField(1, "Se", { final: false });
          server.writeField(1, "nt");
        }),
        refuse(2, "NOUSER"),
        { local: (server) => void server.probe() },
        answer(3, (server) => server.writeField(3, '{"userList":[]}', { final: false })),
        peer("\talice\tfetch\ttext"),
        peer("\tall\n"),
        refuse(4, "REFERRAL", "alice@192.0.2.1"),
        { end: true },
      ],
    },
    {
      name: `1.${minor}: input that is read, refused and cut short`,
      make,
      steps: [
        hello,
        peer("\talice\tsave\t-m\tINBOX\nSubject: x\r\n\r\n..\r\n.a\r\n.\r\n\t\twho\n"),
        answer(1, () => {}),
        answer(2, () => {}),
        peer("\talice\tsave\t--bogus\n\t\tstop\n"),
        refuse(3, "USAGE"),
        peer("more\n.\r\n\talice\tsave\t-m\t\xff\n"),
        peer(concat([encodeUtf8("x\n.\n\ta\tsave\t"), everyByte.subarray(0x80), encodeUtf8("\n")])),
        refuse(4, "NOTFOUND"),
        peer("swallowed\n.\n\talice\tsave\ncut short"),
        { end: true },
        refuse(6, "TEMPFAIL"),
      ],
    },
    {
      name: `1.${minor}: a client that goes away, and a server that closes`,
      make,
      steps: [
        hello,
        peer("\t\twho\n\t\twho\n\t\twho"),
        { end: true },
        answer(1, () => {}),
        { local: (server) => server.close() },
      ],
    },
  ];
}

function logins(): Conversation<Server>[] {
  const hello = "VERSION\tdoveadm-server\t1\t2\n";
  const command = "\talice\tmailbox list\n";
  const steps = [peer(hello + login + command), answer(1, () => {}), { end: true } as const];
  const decided = { loginEvents: true };
  return [
    { name: "a password", make: () => new DoveadmServerProtocol({ password: "s3cret" }), steps },
    {
      name: "a wrong password",
      make: () => new DoveadmServerProtocol({ password: "other" }),
      steps: [peer(hello + login + command), { end: true }],
    },
    {
      name: "a login that is let in",
      make: () => new DoveadmServerProtocol(decided),
      steps: [
        peer(hello + login + command),
        { local: (server) => server.acceptLogin("somebody") },
        answer(1, () => {}),
        { end: true },
      ],
    },
    {
      name: "a login that is not",
      make: () => new DoveadmServerProtocol(decided),
      steps: [peer(hello + login + command), { local: (server) => server.refuseLogin() }],
    },
    {
      name: "STARTTLS",
      make: () => new DoveadmServerProtocol({ password: "s3cret", starttls: "offered" }),
      steps: [
        peer(`${hello}STARTTLS\n`),
        { local: (server) => server.tlsStarted() },
        peer(login + command),
        answer(1, () => {}),
        { end: true },
      ],
    },
  ];
}

function remoteMistakes(): Conversation<Server>[] {
  const hello = "VERSION\tdoveadm-server\t1\t2\n";
  const cases: readonly (readonly [string, string])[] = [
    ["another service", "VERSION\tdoveadm-client\t1\t2\n"],
    ["another major version", "VERSION\tdoveadm-server\t2\t0\n"],
    ["a version that is no number", "VERSION\tdoveadm-server\t1\tx\n"],
    ["a field too many", "VERSION\tdoveadm-server\t1\t2\t3\n"],
    ["HTTP", "GET / HTTP/1.1\r\n\r\n"],
    ["an empty line", `${hello}\n`],
    ["too few fields", `${hello}\talice\n`],
    ["a flag that isn't known", `${hello}q\t\twho\n`],
    ["extra fields and no command", `VERSION\tdoveadm-server\t1\t3\nx\tproxy-ttl=1\talice\n`],
  ];
  return [
    ...cases.map(([name, text]) => ({
      name,
      make: () => new DoveadmServerProtocol({ ...preauthenticated, maxMinor: 3 }),
      steps: [peer(text)],
    })),
    {
      name: "extra fields for a server below 1.3",
      make: () => new DoveadmServerProtocol({ ...preauthenticated, maxMinor: 2 }),
      steps: [peer(`${hello}x\tproxy-ttl=1\t\twho\n`)],
    },
    {
      name: "garbage after a command that is answered",
      make: () => new DoveadmServerProtocol(preauthenticated),
      steps: [peer(`${hello}\t\twho\ngarbage\n`), answer(1, () => {})],
    },
    {
      name: "STARTTLS with unencrypted bytes after it",
      make: () => new DoveadmServerProtocol({ password: "s3cret", starttls: "offered" }),
      steps: [peer(`${hello}STARTTLS\n${login}`)],
    },
  ];
}

function mistake(name: string, act: (server: Server) => unknown) {
  const steps: Step<Server>[] = [
    peer("VERSION\tdoveadm-server\t1\t2\n"),
    peer("\t\twho\n\t\twho\n"),
    { local: (server) => server.writeField(1, "x") },
  ];
  return {
    name,
    steps,
    // It is a mistake only when the command runs.
    act: (server: Server) => act(server),
  };
}

function flood(
  limit: string,
  options: DoveadmServerProtocolOptions,
  steps: Step<Server>[],
  chunk: (at: number) => Uint8Array,
) {
  const most = 20_000;
  return { limit, make: () => new DoveadmServerProtocol(options), steps, chunk, most };
}
