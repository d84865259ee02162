/**
 * One client's connection through a relay.
 *
 * @module
 */

import type {
  ImapRelayClientEvent,
  ImapRelayProtocol,
  ImapRelayUpstreamEvent,
  RelayLoggedInEvent,
  RelayRefusedEvent,
} from "../../core/imap/mod.ts";
import {
  AuthenticationError,
  DovewireError,
  lowerFirst,
  messageOf,
  quoteText,
  RemoteProtocolError,
} from "../../core/mod.ts";
import { callListener } from "../../transports/call_listener.ts";
import { Driver } from "../../transports/driver.ts";
import { RefusalDelays } from "../../transports/refusal_delays.ts";
import { startTimer, type Timer } from "../../transports/timers.ts";
import { isDisconnect, type Transport } from "../../transports/transport.ts";
import { CommandRunner, type RunningCommand } from "../command_runner.ts";
import { keepalivePhase } from "../keepalive_phase.ts";
import { checkUserName } from "../user_name.ts";
import { newSessionId, type RelayClientInfo, trustedFields } from "./client_info.ts";
import {
  checkOptions,
  newRelayProtocol,
  type RelayConnectionOptions,
  type RelayTimeouts,
  timeoutsOf,
} from "./options.ts";
import { UpstreamConnector } from "./upstream_connector.ts";

/** How long a peer may take to close its side at the end, in milliseconds. */
const lingerTimeout = 1000;

/** What the client is told where the server can't be reached. */
const unreachable = "[UNAVAILABLE] The mail server can't be reached. Try again later.";

/**
 * Response codes of refusals that don't depend on the password, so that nothing can be learned by trying another
 * one.
 */
const otherTroubles: ReadonlySet<string> = new Set([
  "INUSE",
  "LIMIT",
  "PRIVACYREQUIRED",
  "SERVERBUG",
  "UNAVAILABLE",
]);

const noTimer: Timer = startTimer(Infinity, () => {});

/** What several connections share. */
export interface RelayConnectionContext {
  /** Counts a refused login of a peer; returns how long to delay the refusal, in milliseconds. */
  readonly nextRefusalDelay?: (peer: string) => number;
  /** Where the clients connect to. */
  readonly local?: RelayClientInfo["local"];
  /** Called when the client is logged in. */
  readonly onLoggedIn?: () => void;
}

/**
 * Relays one client's connection to a server, from the greeting on, until either side ends it. The transport
 * belongs to it from here on.
 *
 * Throws a `LocalProtocolError` for invalid options.
 */
export class RelayConnection {
  /** Resolves when both sides are closed; handlers that ignore their signal may still run. Never rejects. */
  readonly closed: Promise<void>;
  /** Where the client connects from. */
  readonly client: RelayClientInfo;
  readonly #options: RelayConnectionOptions;
  readonly #timeouts: RelayTimeouts;
  readonly #nextRefusalDelay: (peer: string) => number;
  readonly #onLoggedIn: (() => void) | undefined;
  readonly #relay: ImapRelayProtocol;
  readonly #runner: CommandRunner;
  readonly #connector: UpstreamConnector;
  readonly #clientDriver: Driver<ImapRelayClientEvent>;
  /** `undefined` until the server is connected. */
  #upstreamDriver: Driver<ImapRelayUpstreamEvent> | undefined;
  /** Whether reading from a peer waits for the other one to read. */
  readonly #held = { client: false, upstream: false };
  #isLoggedIn = false;
  /** Whether both sides are ending. */
  #isOver = false;
  #hasClientEnded = false;
  /** When the login under way was sent to the server. */
  #loginAt = 0;
  readonly #loginTimer: Timer;
  #refusalTimer = noTimer;
  #halfCloseTimer = noTimer;

  /** Starts relaying. */
  constructor(
    transport: Transport,
    options: RelayConnectionOptions,
    context: RelayConnectionContext = {},
  ) {
    checkOptions(options);
    this.#options = options;
    this.#timeouts = timeoutsOf(options);
    const refusalDelays = new RefusalDelays(options.refusalDelay ?? 500);
    this.#nextRefusalDelay = context.nextRefusalDelay ?? ((peer) => refusalDelays.next(peer));
    this.#onLoggedIn = context.onLoggedIn;
    const { peer } = transport;
    this.client = { peer, sessionId: newSessionId(), local: context.local };
    this.#relay = this.#newRelay();
    const { stallTimeout, handshakeTimeout, endTimeout, connectTimeout } = this.#timeouts;
    this.#runner = new CommandRunner({
      commands: options.commands ?? [],
      calls: this.#relay,
      flush: () => this.#flush(),
      onError: (error) => this.#report(error),
      peer,
      endTimeout,
    });
    this.#connector = new UpstreamConnector(options.connect, connectTimeout);
    this.#clientDriver = new Driver(this.#relay.client, transport, {
      onEvent: (event) => this.#onClientEvent(event),
      mayRead: () => this.#mayRead("client"),
      onReadEnd: () => this.#clientEnded(),
      onWrite: () => this.#release("upstream"),
      onBroken: () => this.#end(),
      tls: options.startTls,
      stallTimeout,
      lingerTimeout,
    });
    this.#loginTimer = startTimer(handshakeTimeout, () => {
      this.#report(
        new DovewireError(
          `The connection to ${peer} was closed: it didn't log in within ${handshakeTimeout} ms.`,
        ),
      );
      void this.close("Disconnected for inactivity.");
    });
    this.closed = this.#run();
  }

  /** The client, for messages. */
  get peer(): string {
    return this.client.peer;
  }

  /**
   * Ends the connection with BYE and that text as soon as no command of the client waits for its answer; at once
   * if it only idles.
   */
  shutDown(text: string): void {
    this.#relay.shutDown(text);
    this.#flush();
  }

  /** Ends the running custom command with NO and that text, if `which` selects it; returns whether it did. */
  cancelCommand(
    text: string | undefined,
    which: (command: RunningCommand) => boolean,
  ): boolean {
    return this.#runner.cancel(text, which);
  }

  /** Ends the connection now, with BYE and that text if there is one. */
  async close(text?: string): Promise<void> {
    this.#end(text);
    // It can't be told where it is in the middle of a TLS handshake, or doesn't read.
    const timer = startTimer(lingerTimeout, () => this.abort());
    await this.closed;
    timer.stop();
  }

  /** Ends the connection now, without BYE. */
  abort(): void {
    this.#end();
    void this.#clientDriver.close();
    void this.#upstreamDriver?.close();
  }

  /** The protocol. Where the program's function for `upstreamId` fails, the connection ends at once. */
  #newRelay(): ImapRelayProtocol {
    const { upstreamId = trustedFields } = this.#options;
    try {
      const id = upstreamId === false ? undefined : upstreamId(this.client);
      return newRelayProtocol(this.#options, id);
    } catch (error) {
      const relay = newRelayProtocol(this.#options);
      this.#report(error);
      this.#isOver = true;
      relay.close(unreachable);
      return relay;
    }
  }

  async #run(): Promise<void> {
    const upstream = this.#runUpstream();
    try {
      await this.#clientDriver.run();
    } catch (error) {
      if (!isDisconnect(error)) this.#report(error);
    } finally {
      for (const timer of [this.#loginTimer, this.#refusalTimer]) timer.stop();
      this.#end();
      this.#endHandlers();
      await upstream;
      this.#halfCloseTimer.stop();
    }
  }

  async #runUpstream(): Promise<void> {
    const transport = await this.#connect();
    if (transport === undefined) return;
    const driver = new Driver(this.#relay.upstream, transport, {
      onEvent: (event) => this.#onUpstreamEvent(event),
      mayRead: () => this.#mayRead("upstream"),
      onRead: () => this.#restartHalfCloseTimer(),
      onWrite: () => this.#release("client"),
      tls: this.#options.upstreamStartTls,
      stallTimeout: this.#timeouts.stallTimeout,
      lingerTimeout,
    });
    this.#upstreamDriver = driver;
    try {
      await driver.run();
    } catch (error) {
      this.#reportUpstream(transport.peer, error);
    } finally {
      // The client learned of it by the protocol, unless the transport or a hook has failed.
      this.#end(unreachable);
    }
  }

  /** Opens the connection to the server; `undefined` if that fails, or the client has gone. */
  async #connect(): Promise<Transport | undefined> {
    if (this.#isOver) return undefined;
    try {
      return await this.#connector.connect(this.client);
    } catch (error) {
      if (!this.#isOver) this.#report(error);
      this.#end(unreachable);
    }
  }

  #onClientEvent(event: ImapRelayClientEvent): void {
    switch (event.type) {
      case "command":
      case "done":
      case "writable":
      case "cancel":
        this.#runner.take(event);
        return;
      case "output":
      case "end":
        // Before the login, nothing but a login concerns the server.
        if (!this.#isLoggedIn) this.#loginAt = performance.now();
        void this.#upstreamDriver?.flush();
    }
  }

  #onUpstreamEvent(event: ImapRelayUpstreamEvent): void {
    switch (event.type) {
      case "output":
      case "end":
        void this.#clientDriver.flush();
        return;
      case "untrusted":
        this.#report(untrustedError(event.text));
        return;
      case "logged-in":
        // Not awaited: either peer may end meanwhile.
        void this.#accept(event);
        return;
      case "login-refused":
        this.#refuse(event);
    }
  }

  async #accept({ id, user, mechanism }: RelayLoggedInEvent): Promise<void> {
    const { resolveUser } = this.#options;
    let name = user;
    try {
      if (resolveUser !== undefined) {
        name = await resolveUser({ user, mechanism, client: this.client });
        checkUserName(name, "resolveUser");
      }
    } catch (error) {
      this.#report(error);
      if (this.#isOver) return;
      this.#relay.refuseLogin(id, "The user can't be looked up. Try again later.");
      return this.#flush();
    }
    if (this.#isOver) return;
    this.#isLoggedIn = true;
    this.#loginTimer.stop();
    this.#onLoggedIn?.();
    this.#relay.acceptLogin(id, { user: name, keepalivePhase: keepalivePhase(this.peer, name) });
    this.#flush();
  }

  /** Passes a refusal on: one for a wrong password only after a delay. */
  #refuse({ id, code, user, text }: RelayRefusedEvent): void {
    const refuse = () => {
      if (this.#isOver) return;
      this.#relay.refuseLogin(id);
      this.#flush();
    };
    const who = `${this.peer} could not log in as ${quoteText(user)}`;
    this.#report(new AuthenticationError(`${who}: the server says ${quoteText(text)}.`));
    if (code !== undefined && otherTroubles.has(code)) return refuse();
    // The server may have delayed it already.
    const passed = performance.now() - this.#loginAt;
    // It counts even if the client has disconnected.
    const delay = this.#nextRefusalDelay(this.peer) - passed;
    if (delay <= 0 || this.#isOver) refuse();
    else this.#refusalTimer = startTimer(delay, refuse);
  }

  /** Whether more may be read from a peer; notes if not, so that reading goes on when the other one has read. */
  #mayRead(from: "client" | "upstream"): boolean {
    const may = this.#relay[from].mayRead;
    this.#held[from] = !may;
    return may;
  }

  /** Goes on reading from a peer, if that waited for the other one. */
  #release(from: "client" | "upstream"): void {
    if (!this.#held[from] || !this.#relay[from].mayRead) return;
    this.#held[from] = false;
    void (from === "client" ? this.#clientDriver : this.#upstreamDriver)?.flush();
  }

  /** The client sends no more; the server's last answers are still passed on. */
  #clientEnded(): void {
    this.#hasClientEnded = true;
    this.#restartHalfCloseTimer();
  }

  #restartHalfCloseTimer(): void {
    if (!this.#hasClientEnded || this.#isOver) return;
    this.#halfCloseTimer.stop();
    this.#halfCloseTimer = startTimer(this.#timeouts.halfCloseTimeout, () => this.#end());
  }

  /** Ends both sides; does nothing if they have ended. */
  #end(text?: string): void {
    this.#isOver = true;
    this.#connector.abort();
    this.#relay.close(text);
    this.#flush();
  }

  /** Nobody reads any more: the handlers learn that it is over. */
  #endHandlers(): void {
    const { client } = this.#relay;
    for (let event; (event = client.nextEvent()) !== undefined;) this.#onClientEvent(event);
  }

  #flush(): void {
    void this.#clientDriver.flush();
    void this.#upstreamDriver?.flush();
  }

  #reportUpstream(server: string, cause: unknown): void {
    // A transport that breaks after the end is no error.
    if (this.#isOver && !(cause instanceof RemoteProtocolError)) return;
    this.#report(
      new DovewireError(
        `The server at ${server} failed for ${this.peer}: ${lowerFirst(messageOf(cause))}`,
        { cause },
      ),
    );
  }

  #report(error: unknown): void {
    callListener(this.#options.onError, error, this.client);
  }
}

function untrustedError(text: string): DovewireError {
  const answer = text === "" ? "" : ` It says ${quoteText(text)}.`;
  return new DovewireError(
    "The server doesn't trust what the relay says of its clients, so that all of them count as one for wrong " +
      `passwords and connections.${answer} Add the relay's address to "login_trusted_networks".`,
  );
}
