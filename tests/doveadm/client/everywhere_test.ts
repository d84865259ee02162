import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  connect,
  ConnectError,
  DoveadmConnection,
  type DoveadmOptions,
  type DoveadmTarget,
  RemoteProtocolError,
  TransportError,
} from "../../../mod.ts";
import { connect as connectTransport } from "../../../transports/mod.ts";
import type { Address } from "../../../transports/transport.ts";
import { certificates } from "../../harness/certificates.ts";
import { defaultMail, type Dovecot, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { versionsHere } from "../../harness/dovecot/versions.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { openSockets, socketsDownTo } from "../../harness/sockets.ts";
import {
  abortedStream,
  besideMail,
  eightBitMail,
  failures,
  fieldsOf,
  killedStream,
  manyInOrder,
  messages,
  piecesOf,
  refused,
  savedMail,
  streams,
  typedRows,
  type Way,
} from "./scenarios.ts";

const { ca, otherCa, good } = await certificates();
const serverName = "localhost";

const large = eightBitMail(3 * 1024 * 1024 + 1);

/** More than the system takes of a writer whose reader takes nothing. */
const endless = 16 * 1024 * 1024;
const fetchEndless = { name: "fetch", user: "carol", args: ["text", "mailbox", "INBOX"] };

/** How a client gets to a server. */
interface Route {
  readonly name: string;
  /** What `connect()` is given. */
  target(dovecot: Dovecot): string | DoveadmTarget;
  /** What is there for clients that log in, if that isn't the same. */
  asking?(dovecot: Dovecot): string | DoveadmTarget;
  address(dovecot: Dovecot): Address;
  readonly security: "none" | "tls" | "starttls";
}

const routes: readonly Route[] = [
  {
    name: "UNIX",
    target: ({ socket }) => ({ path: socket }),
    asking: ({ passwordSocket }) => ({ path: passwordSocket }),
    address: ({ socket }) => ({ transport: "unix", path: socket }),
    security: "none",
  },
  {
    name: "TCP",
    target: ({ port }) => `doveadm://127.0.0.1:${port}`,
    address: ({ port }) => ({ transport: "tcp", hostname: "127.0.0.1", port }),
    security: "none",
  },
  {
    name: "TLS",
    target: ({ tlsPort }) => `doveadms://localhost:${tlsPort}`,
    address: ({ tlsPort }) => ({ transport: "tcp", hostname: serverName, port: tlsPort! }),
    security: "tls",
  },
  {
    name: "STARTTLS",
    target: ({ port }) => `doveadm+starttls://localhost:${port}`,
    address: ({ port }) => ({ transport: "tcp", hostname: serverName, port }),
    security: "starttls",
  },
];

/**
 * The latest protocol that both ends speak, and 1.0: answers without multiplexing and log. How the bytes get there
 * makes no difference to that, so that 1.0 is tried over TCP alone.
 */
const protocols: readonly (readonly [name: string, maxMinor: number | undefined])[] = [
  ["multiplexed", undefined],
  ["not multiplexed", 0],
];

/** What is tried each way. */
const scenarios: readonly (readonly [what: string, act: (way: Way) => Promise<void>])[] = [
  ["run() and rows() › typed rows", typedRows],
  ["hundreds of commands at once › answers in their order", manyInOrder],
  ["commands beside mail commands › answers", besideMail],
  ["commands that fail › errors with the log lines", failures],
  ["streams, also left early or failing › all fields, or an error", streams],
  ["a large mail › is saved and streamed", (way) => savedMail(way, large, piecesOf(large))],
  ["a stream is aborted › AbortError", (way) => abortedStream(way, fetchEndless)],
  [
    "the server dies during a stream › ConnectionLostError",
    (way) => killedStream(way, fetchEndless, endless),
  ],
];

for (const version of versionsHere) {
  let started: Promise<Dovecot> | undefined;
  const server = () =>
    started ??= startDovecot({
      version,
      tls: good,
      mail: { ...defaultMail, carol: { INBOX: [eightBitMail(endless)] } },
    });
  after(async () => await (await started)?.stop());

  for (const route of routes) {
    for (const [protocol, maxMinor] of protocols) {
      const title = `Dovecot ${version}, ${route.name}, ${protocol}`;
      if (maxMinor === undefined || route.name === "TCP") testRoute(title, server, route, maxMinor);
      else if (route.security === "starttls") testNoStartTls(title, server, route);
    }
  }
}

function testRoute(
  title: string,
  server: () => Promise<Dovecot>,
  route: Route,
  maxMinor: number | undefined,
): void {
  for (const [what, act] of scenarios) {
    test(`${title} › ${what}`, async () => {
      const way = wayTo(await server(), route, maxMinor);
      await leavingNothing(() => act(way));
    });
  }

  test(`${title} › the handshake › the latest common version`, async () => {
    const dovecot = await server();
    await leavingNothing(async () => {
      await using connection = await wayTo(dovecot, route, maxMinor).open();
      const latest = dovecot.version.startsWith("2.3.") ? 2 : 3;
      assert.equal(connection.minor, maxMinor ?? latest);
      assert.equal(connection.preauthenticated, route.asking !== undefined);
    });
  });

  if (route.security !== "none") {
    test(`${title} › an untrusted certificate › ConnectError`, async () => {
      const dovecot = await server();
      const { password } = dovecot;
      // Sockets alone: a handshake that fails may leave a timer of 0 ms for the turn after it.
      const sockets = openSockets();
      {
        const tls = { caCerts: [otherCa] };
        await using doveadm = connectTo(route.target(dovecot), { password, maxMinor, tls });
        await assert.rejects(doveadm.send(messages("alice")), (error) => {
          assert(error instanceof ConnectError, String(error));
          assert(!error.sent);
          assert(error.cause instanceof TransportError);
          assert.equal(error.cause.code, "certificate");
          return true;
        });
      }
      await socketsDownTo(sockets);
    });
  }

  test(`${title} › a wrong password, none, and the right one › only the right one is accepted`, async () => {
    const dovecot = await server();
    const target = route.asking?.(dovecot) ?? route.target(dovecot);
    await leavingNothing(async () => {
      for (const password of ["wrong", undefined]) {
        await using doveadm = connectTo(target, { password, maxMinor });
        await refused(doveadm);
      }
      await using doveadm = connectTo(target, { password: dovecot.password, maxMinor });
      assert.deepEqual(await fieldsOf(doveadm, messages("alice")), ["INBOX", "3"]);
    });
  });
}

/** In protocol 1.0 servers can't offer STARTTLS. */
function testNoStartTls(title: string, server: () => Promise<Dovecot>, route: Route): void {
  test(`${title} › protocol 1.0, which has no STARTTLS › an error that says so`, async () => {
    const way = wayTo(await server(), route, 0);
    await leavingNothing(async () => {
      await using doveadm = way.connect();
      await assert.rejects(doveadm.send(messages("alice")), (error) => {
        assert(error instanceof RemoteProtocolError, String(error));
        assert(!error.sent);
        assert.match(error.message, /^Cannot shake hands with tcp localhost:\d+: /);
        assert.match(error.message, /speaks protocol 1\.0, which has no STARTTLS/);
        return true;
      });
    });
  });
}

function wayTo(dovecot: Dovecot, route: Route, maxMinor: number | undefined): Way {
  const { password } = dovecot;
  const { security } = route;
  return {
    dovecot,
    isMultiplexed: maxMinor !== 0,
    connect: (options) => connectTo(route.target(dovecot), { password, maxMinor, ...options }),
    async open() {
      const tls = { caCerts: [ca], serverName };
      const options = security === "tls" ? { tls } : {};
      const transport = await connectTransport(route.address(dovecot), options);
      const starttls = security === "starttls" ? "required" : undefined;
      return await DoveadmConnection.open(transport, { password, maxMinor, starttls, tls });
    },
  };
}

function connectTo(target: string | DoveadmTarget, options: DoveadmOptions) {
  return connect(target, { tls: { caCerts: [ca] }, ...options });
}
