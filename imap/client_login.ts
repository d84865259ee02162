/**
 * The start of a client's connection: greeting, STARTTLS, login.
 *
 * @module
 */

import {
  AuthenticationError,
  ConnectError,
  LocalProtocolError,
  RemoteProtocolError,
} from "../core/mod.ts";
import type { ImapAnswerEvent, ImapClientProtocol } from "../core/imap/mod.ts";
import type { Transport } from "../transports/transport.ts";
import { ImapCommandError, loginError } from "./client_errors.ts";
import type { ImapClientOptions } from "./client_options.ts";

/**
 * Throws a `LocalProtocolError` for options that don't fit together, and if the password would be sent
 * unencrypted over a network.
 */
export function checkLoginOptions(options: ImapClientOptions, transport: Transport): void {
  const { username, password, authzid, mechanism, starttls } = options;
  if ((username === undefined) !== (password === undefined)) {
    throw new LocalProtocolError('Of "username" and "password" one is missing. Set both, or none.');
  }
  if (mechanism !== undefined && mechanism !== "PLAIN" && mechanism !== "LOGIN") {
    throw new LocalProtocolError('"mechanism" is unknown. Set it to "PLAIN" or "LOGIN".');
  }
  if (authzid !== undefined && mechanism === "LOGIN") {
    throw new LocalProtocolError('LOGIN can\'t send "authzid". Leave it out, or use "PLAIN".');
  }
  if (starttls !== undefined && starttls !== "required") {
    throw new LocalProtocolError('"starttls" is unknown. Set it to "required", or leave it out.');
  }
  const isExposed = transport.isExposed === true && starttls === undefined;
  if (password !== undefined && isExposed && !options.allowPlaintextPassword) {
    throw new LocalProtocolError(
      `The password would be sent to ${transport.peer} unencrypted. Set starttls: "required", or "tls" in ` +
        "the target. Or, if the network is as safe as a UNIX socket or loopback, set " +
        '"allowPlaintextPassword: true".',
    );
  }
}

/** A connection, as far as the login needs it. */
export interface LoginConnection {
  /** The other end, for messages. */
  readonly peer: string;
  /** Its protocol. */
  readonly protocol: ImapClientProtocol;
  /** Resolves to whether the greeting says that the client is logged in already. */
  readonly greeting: Promise<boolean>;
  /** Sends a command by a method of the protocol; resolves to the answer, whatever it is. */
  ask(name: string, send: (protocol: ImapClientProtocol) => number): Promise<ImapAnswerEvent>;
}

/**
 * Encrypts and logs in, as the options say, and learns the server's capabilities. Rejects with an
 * `AuthenticationError` if the login is refused, and with a `ConnectError` if the server has no STARTTLS.
 */
export async function logIn(
  connection: LoginConnection,
  options: ImapClientOptions,
): Promise<void> {
  const { protocol } = connection;
  const isAuthenticated = await connection.greeting;
  if (options.starttls !== undefined) await startTls(connection, isAuthenticated);
  if (!isAuthenticated && options.username !== undefined) await authenticate(connection, options);
  if (protocol.capabilities === undefined) await askCapabilities(connection);
}

async function startTls(connection: LoginConnection, isAuthenticated: boolean): Promise<void> {
  const { peer } = connection;
  if (isAuthenticated) {
    throw new RemoteProtocolError(
      `${peer} accepted the client before TLS, which was required. There may be a man in the middle; a ` +
        'server that needs no login needs no "starttls" either.',
    );
  }
  const answer = await connection.ask("STARTTLS", (protocol) => protocol.startTls());
  if (answer.status === "OK") return;
  throw new ConnectError(
    `Cannot encrypt the connection to ${peer}: the server refused STARTTLS. Check its certificate ` +
      'settings, or use its port with TLS, and "tls" in the target.',
    { cause: new ImapCommandError("STARTTLS", answer) },
  );
}

async function authenticate(connection: LoginConnection, options: ImapClientOptions) {
  const { peer, protocol } = connection;
  const { username = "", password = "", authzid } = options;
  // They tell how to log in. The greeting mostly lists them already.
  if (protocol.capabilities === undefined) await askCapabilities(connection);
  const hasPlain = protocol.hasCapability("AUTH=PLAIN");
  const mechanism = options.mechanism ?? (hasPlain || authzid !== undefined ? "PLAIN" : "LOGIN");
  const isRefused = protocol.hasCapability("LOGINDISABLED") && !hasPlain;
  if (isRefused) {
    throw new AuthenticationError(
      `${peer} takes no passwords over this connection (LOGINDISABLED), so that none was sent. Set ` +
        'starttls: "required", or use its port with TLS.',
    );
  }
  const answer = await connection.ask(
    "login",
    (protocol) =>
      mechanism === "PLAIN"
        ? protocol.authenticatePlain({ username, password, authzid })
        : protocol.login({ username, password }),
  );
  if (answer.status !== "OK") throw loginError(peer, username, answer);
}

async function askCapabilities({ ask }: LoginConnection): Promise<void> {
  const answer = await ask("CAPABILITY", (protocol) => protocol.send({ name: "CAPABILITY" }));
  if (answer.status !== "OK") throw new ImapCommandError("CAPABILITY", answer);
}
