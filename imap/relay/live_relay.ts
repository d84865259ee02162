/**
 * A connection through a relay, while it isn't frozen.
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
import { Driver, type ReleasedTransport } from "../../transports/driver.ts";
import { startTimer, type Timer } from "../../transports/timers.ts";
import { isDisconnect, type Transport } from "../../transports/transport.ts";
import { CommandRunner, type FrozenCommand, type RunningCommand } from "../command_runner.ts";
import { keepalivePhase } from "../keepalive_phase.ts";
import { toByteString } from "../../core/byte_string.ts";
import { checkUserName } from "../user_name.ts";
import { type RelayClientInfo, trustedFields } from "./client_info.ts";
import {
  newRelayProtocol,
  type RelayConnectionOptions,
  type RelayTimeouts,
  thawRelayProtocol,
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

/** What a {@linkcode LiveRelay} needs. */
export interface LiveRelayOptions {
  /** The program's options. */
  readonly options: RelayConnectionOptions;
  /** The time limits in them. */
  readonly timeouts: RelayTimeouts;
  /** Where the client connects from. */
  readonly client: RelayClientInfo;
  /** Counts a refused login of a peer; returns how long to delay the refusal, in milliseconds. */
  readonly nextRefusalDelay: (peer: string) => number;
  /** Called when the client is logged in. */
  readonly onLoggedIn: () => void;
  /** Called each time that either peer has sent something. */
  readonly onRead: () => void;
}

/** A connection through a relay as bytes, and its transports. */
export interface FrozenRelay {
  /** What `ImapRelayProtocol.freeze()` returns, as `toByteString()` does. */
  readonly stored: string;
  /** The custom command that runs; `undefined` if none does. */
  readonly command: FrozenCommand | undefined;
  /** The client's transport. */
  readonly client: ReleasedTransport;
  /** The server's. */
  readonly upstream: ReleasedTransport;
  /** When it has to be thawed, on the clock of `performance.now()`; `undefined` for never. */
  readonly deadline: number | undefined;
  /** How many milliseconds the clock is ahead of the one that it was frozen by. */
  readonly clockShift: number;
}

/** Relays one client's connection, from the greeting or from where it was frozen, until it ends or is frozen. */
export class LiveRelay {
  /** Resolves when both sides are closed, or it is frozen; never rejects. */
  readonly ended: Promise<void>;
  readonly #settings: LiveRelayOptions;
  readonly #relay: ImapRelayProtocol;
  readonly #runner: CommandRunner;
  /** What connects to the server, while it does. */
  #connector: UpstreamConnector | undefined;
  readonly #clientDriver: Driver<ImapRelayClientEvent>;
  /** `undefined` until the server is connected. */
  #upstreamDriver: Driver<ImapRelayUpstreamEvent> | undefined;
  /** Whether reading from a peer waits for the other one to read. */
  readonly #held = { client: false, upstream: false };
  #isLoggedIn = false;
  /** Whether both sides are ending. */
  #isOver = false;
  #isFrozen = false;
  #hasClientEnded = false;
  /** When the login under way was sent to the server. */
  #loginAt = 0;
  #loginTimer = noTimer;
  #refusalTimer = noTimer;
  #halfCloseTimer = noTimer;

  /** Starts with a client's transport, or goes on where a connection was frozen. */
  constructor(start: Transport | FrozenRelay, settings: LiveRelayOptions) {
    this.#settings = settings;
    const { options, timeouts, client } = settings;
    const frozen = "stored" in start ? start : undefined;
    this.#relay = frozen === undefined ? this.#newRelay() : thawRelayProtocol(options, frozen);
    this.#runner = new CommandRunner({
      commands: options.commands ?? [],
      calls: this.#relay,
      flush: () => this.#flush(),
      onError: (error) => this.#report(error),
      peer: client.peer,
      endTimeout: timeouts.endTimeout,
    });
    this.#clientDriver = this.#newClientDriver(frozen?.client ?? { transport: start as Transport });
    if (frozen === undefined) this.#startLoginTimer();
    else {
      this.#isLoggedIn = true;
      if (frozen.command !== undefined) this.#runner.thaw(frozen.command);
    }
    this.ended = this.#run(frozen?.upstream);
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
    await this.ended;
    timer.stop();
  }

  /** Ends the connection now, without BYE. */
  abort(): void {
    this.#end();
    void this.#clientDriver.close();
    void this.#upstreamDriver?.close();
  }

  /**
   * Freezes the connection, if nothing is under way but what the bytes can tell: {@linkcode ended} resolves, and the
   * transports stay open. Not to be called by a hook.
   */
  freeze(): FrozenRelay | undefined {
    const mayFreeze = !this.#isOver && !this.#hasClientEnded && this.#relay.mayFreeze &&
      this.#runner.mayFreeze && this.#clientDriver.isQuiet && this.#upstreamDriver?.isQuiet;
    if (!mayFreeze) return undefined;
    this.#isFrozen = true;
    const { client, upstream } = this.#relay;
    const command = this.#runner.freeze();
    const deadlines = [client.deadline, upstream.deadline, command?.wakeAt];
    return {
      stored: toByteString(this.#relay.freeze()),
      command,
      client: this.#clientDriver.release()!,
      upstream: this.#upstreamDriver!.release()!,
      deadline: earliest(deadlines),
      clockShift: 0,
    };
  }

  /** The protocol. Where the program's function for `upstreamId` fails, the connection ends at once. */
  #newRelay(): ImapRelayProtocol {
    const { options, client } = this.#settings;
    const { upstreamId = trustedFields } = options;
    try {
      const id = upstreamId === false ? undefined : upstreamId(client);
      return newRelayProtocol(options, id);
    } catch (error) {
      const relay = newRelayProtocol(options);
      this.#report(error);
      this.#isOver = true;
      relay.close(unreachable);
      return relay;
    }
  }

  #newClientDriver(client: StartedTransport): Driver<ImapRelayClientEvent> {
    const { options, timeouts, onRead } = this.#settings;
    return new Driver(this.#relay.client, client.transport, {
      onEvent: (event) => this.#onClientEvent(event),
      mayRead: () => this.#mayRead("client"),
      onRead,
      onReadEnd: () => this.#clientEnded(),
      onWrite: () => this.#release("upstream"),
      onBroken: () => this.#end(),
      tls: options.startTls,
      stallTimeout: timeouts.stallTimeout,
      lingerTimeout,
      released: "reading" in client ? client : undefined,
    });
  }

  #newUpstreamDriver(upstream: StartedTransport): Driver<ImapRelayUpstreamEvent> {
    const { options, timeouts, onRead } = this.#settings;
    return new Driver(this.#relay.upstream, upstream.transport, {
      onEvent: (event) => this.#onUpstreamEvent(event),
      mayRead: () => this.#mayRead("upstream"),
      onRead: () => {
        onRead();
        this.#restartHalfCloseTimer();
      },
      onWrite: () => this.#release("client"),
      tls: options.upstreamStartTls,
      stallTimeout: timeouts.stallTimeout,
      lingerTimeout,
      released: "reading" in upstream ? upstream : undefined,
    });
  }

  #startLoginTimer(): void {
    const { client: { peer }, timeouts: { handshakeTimeout } } = this.#settings;
    this.#loginTimer = startTimer(handshakeTimeout, () => {
      this.#report(
        new DovewireError(
          `The connection to ${peer} was closed: it didn't log in within ${handshakeTimeout} ms.`,
        ),
      );
      void this.close("Disconnected for inactivity.");
    });
  }

  async #run(upstream: ReleasedTransport | undefined): Promise<void> {
    const upstreamEnded = this.#runUpstream(upstream);
    try {
      await this.#clientDriver.run();
    } catch (error) {
      if (!isDisconnect(error)) this.#report(error);
    } finally {
      for (const timer of [this.#loginTimer, this.#refusalTimer]) timer.stop();
      if (!this.#isFrozen) {
        this.#end();
        this.#endHandlers();
      }
      await upstreamEnded;
      this.#halfCloseTimer.stop();
    }
  }

  async #runUpstream(upstream: ReleasedTransport | undefined): Promise<void> {
    const started: StartedTransport | undefined = upstream ?? await this.#connect();
    if (started === undefined) return;
    const driver = this.#newUpstreamDriver(started);
    this.#upstreamDriver = driver;
    try {
      await driver.run();
    } catch (error) {
      this.#reportUpstream(started.transport.peer, error);
    } finally {
      // The client learned of it by the protocol, unless the transport or a hook has failed.
      if (!this.#isFrozen) this.#end(unreachable);
    }
  }

  /** Opens the connection to the server; `undefined` if that fails, or the client has gone. */
  async #connect(): Promise<StartedTransport | undefined> {
    if (this.#isOver) return undefined;
    const { options: { connect }, timeouts: { connectTimeout }, client } = this.#settings;
    this.#connector = new UpstreamConnector(connect, connectTimeout);
    try {
      return { transport: await this.#connector.connect(client) };
    } catch (error) {
      if (!this.#isOver) this.#report(error);
      this.#end(unreachable);
    } finally {
      this.#connector = undefined;
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
    const { options: { resolveUser }, client, onLoggedIn } = this.#settings;
    let name = user;
    try {
      if (resolveUser !== undefined) {
        name = await resolveUser({ user, mechanism, client });
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
    this.#loginTimer = noTimer;
    onLoggedIn();
    this.#relay.acceptLogin(id, { user: name, keepalivePhase: keepalivePhase(client.peer, name) });
    this.#flush();
  }

  /** Passes a refusal on: one for a wrong password only after a delay. */
  #refuse({ id, code, user, text }: RelayRefusedEvent): void {
    const refuse = () => {
      if (this.#isOver) return;
      this.#relay.refuseLogin(id);
      this.#flush();
    };
    const { client: { peer }, nextRefusalDelay } = this.#settings;
    const who = `${peer} could not log in as ${quoteText(user)}`;
    this.#report(new AuthenticationError(`${who}: the server says ${quoteText(text)}.`));
    if (code !== undefined && otherTroubles.has(code)) return refuse();
    // The server may have delayed it already.
    const passed = performance.now() - this.#loginAt;
    // It counts even if the client has disconnected.
    const delay = nextRefusalDelay(peer) - passed;
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
    this.#halfCloseTimer = startTimer(this.#settings.timeouts.halfCloseTimeout, () => this.#end());
  }

  /** Ends both sides; does nothing if they have ended. */
  #end(text?: string): void {
    this.#isOver = true;
    this.#connector?.abort();
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
        `The server at ${server} failed for ${this.#settings.client.peer}: ${
          lowerFirst(messageOf(cause))
        }`,
        { cause },
      ),
    );
  }

  #report(error: unknown): void {
    const { options, client } = this.#settings;
    callListener(options.onError, error, client);
  }
}

/** A transport at its start, or as another driver left it. */
type StartedTransport = { readonly transport: Transport } | ReleasedTransport;

/** The earliest of these times; `undefined` if there is none. */
function earliest(times: readonly (number | undefined)[]): number | undefined {
  const earliest = Math.min(...times.map((time) => time ?? Infinity));
  return earliest === Infinity ? undefined : earliest;
}

function untrustedError(text: string): DovewireError {
  const answer = text === "" ? "" : ` It says ${quoteText(text)}.`;
  return new DovewireError(
    "The server doesn't trust what the relay says of its clients, so that all of them count as one for wrong " +
      `passwords and connections.${answer} Add the relay's address to "login_trusted_networks".`,
  );
}
