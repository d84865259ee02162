/**
 * One client's connection to an IMAP server.
 *
 * @module
 */

import type { ConversationEvent, ImapServerProtocol, LoginEvent } from "../core/imap/mod.ts";
import { AuthenticationError, DovewireError, quoteText } from "../core/mod.ts";
import { Driver } from "../transports/driver.ts";
import { startTimer, type Timer } from "../transports/timers.ts";
import { isDisconnect, type Transport } from "../transports/transport.ts";
import { CommandRunner, type RunningCommand } from "./command_runner.ts";
import type { HostContext } from "./connection_host.ts";
import { keepalivePhase } from "./keepalive_phase.ts";
import { newServerProtocol, type ServeImapOptions, type ServerTimes } from "./server_options.ts";
import { checkUserName } from "./user_name.ts";

/** Options for a {@linkcode ServerConnection}. */
export interface ServerConnectionOptions extends HostContext<ServerConnection> {
  /** The server's options. */
  readonly server: ServeImapOptions;
  /** Its times. */
  readonly times: ServerTimes;
  /** Called with each error. */
  readonly onError: (error: unknown, peer: string) => void;
}

/** How long a client may take to close its side at the end, in milliseconds. */
const lingerTimeout = 1000;

const noTimer: Timer = startTimer(Infinity, () => {});

/** One client's connection: runs its commands, until either side ends it. */
export class ServerConnection {
  /** The client, for messages. */
  readonly peer: string;
  /** Resolves when the connection is closed; handlers that ignore their signal may still run. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: ServerConnectionOptions;
  readonly #protocol: ImapServerProtocol;
  readonly #driver: Driver<ConversationEvent>;
  readonly #runner: CommandRunner;
  /** "short": a command runs whose result the client waits for. */
  #running: "none" | "short" | "long" = "none";
  /** What the client is told once no command waits for its result, if the connection is to end then. */
  #farewell: string | undefined;
  #loginTimer: Timer;
  #refusalTimer = noTimer;
  #halfCloseTimer = noTimer;
  #isClosed = false;

  /** Takes a transport, which belongs to the connection from here on. */
  constructor(transport: Transport, options: ServerConnectionOptions) {
    const { server, times } = options;
    this.peer = transport.peer;
    this.#options = options;
    this.#protocol = newServerProtocol(server);
    this.#driver = new Driver(this.#protocol, transport, {
      onEvent: (event) => this.#onEvent(event),
      mayRead: () => this.#protocol.mayRead,
      onReadEnd: () => {
        this.#halfCloseTimer = startTimer(times.halfCloseTimeout, () => this.#end());
      },
      onBroken: () => this.#end(),
      tls: server.startTls,
      stallTimeout: times.stallTimeout,
      lingerTimeout,
    });
    this.#runner = new CommandRunner({
      commands: server.commands ?? [],
      calls: this.#protocol,
      flush: () => this.#flush(),
      onError: (error) => this.#report(error),
      peer: this.peer,
      endTimeout: times.endTimeout,
    });
    const { handshakeTimeout } = times;
    this.#loginTimer = startTimer(handshakeTimeout, () => {
      this.#report(
        new DovewireError(
          `The connection to ${this.peer} was closed: it didn't log in within ${handshakeTimeout} ms.`,
        ),
      );
      void this.close("Disconnected for inactivity.");
    });
    this.closed = this.#run();
    void this.closed.then(() => options.onClosed(this));
  }

  /** Ends the connection with BYE and that text, as soon as no command waits for its result. */
  shutDown(text: string): void {
    this.#farewell ??= text;
    this.#flush();
  }

  /** Ends the running custom command with NO and that text, if `which` selects it; returns whether it did. */
  cancelCommand(
    text: string | undefined,
    which: (command: RunningCommand) => boolean,
  ): boolean {
    return this.#runner.cancel(text, which);
  }

  /** Ends the connection now, with BYE and that text. */
  async close(text?: string): Promise<void> {
    this.#end(text);
    // It can't be told where it is in the middle of a TLS handshake, or doesn't read.
    const timer = startTimer(lingerTimeout, () => this.abort());
    await this.closed;
    timer.stop();
  }

  /** Ends the connection now, without BYE. */
  abort(): void {
    void this.#driver.close();
  }

  async #run(): Promise<void> {
    try {
      await this.#driver.run();
    } catch (error) {
      if (!isDisconnect(error)) this.#report(error);
    } finally {
      this.#isClosed = true;
      for (const timer of [this.#loginTimer, this.#refusalTimer, this.#halfCloseTimer]) {
        timer.stop();
      }
      // Nobody reads any more: the handlers learn that it is over.
      this.#protocol.close();
      for (let event; (event = this.#protocol.nextEvent()) !== undefined;) this.#onEvent(event);
    }
  }

  #onEvent(event: ConversationEvent): void {
    switch (event.type) {
      case "login":
        // Not awaited: the client may disconnect meanwhile.
        void this.#logIn(event);
        return;
      case "command": {
        const isLong = this.#definitionOf(event.name)?.isLongRunning === true;
        this.#running = isLong ? "long" : "short";
        this.#runner.take(event);
        return;
      }
      case "done":
        this.#running = "short";
        this.#runner.take(event);
        return;
      case "writable":
      case "cancel":
        this.#runner.take(event);
    }
  }

  #definitionOf(name: string) {
    return this.#options.server.commands?.find(({ definition }) => definition.name === name)
      ?.definition;
  }

  async #logIn({ id, user, password, authzid, mechanism }: LoginEvent): Promise<void> {
    const { isSecure, clientId } = this.#protocol.session;
    let name: unknown;
    try {
      name = await this.#options.server.authenticate(
        { user, password, authzid, mechanism },
        { peer: this.peer, isSecure, clientId },
      );
      if (name !== undefined) checkUserName(name, "authenticate");
    } catch (error) {
      this.#report(error);
      name = undefined;
    }
    if (typeof name === "string") return this.#accept(id, name);
    // It counts even if the client has disconnected.
    const delay = this.#options.nextRefusalDelay(this.peer);
    this.#report(
      new AuthenticationError(`${this.peer} could not log in as ${quoteText(authzid || user)}.`),
    );
    if (this.#isClosed) return;
    const refuse = () => {
      this.#protocol.refuse(id);
      this.#flush();
    };
    if (delay === 0) refuse();
    else this.#refusalTimer = startTimer(delay, refuse);
  }

  #accept(id: number, user: string): void {
    this.#loginTimer.stop();
    this.#loginTimer = noTimer;
    this.#options.onLoggedIn();
    this.#protocol.accept(id, { user, keepalivePhase: keepalivePhase(this.peer, user) });
    this.#flush();
  }

  /** Writes what there is to write, and ends the connection if it only waited for that. */
  #flush(): void {
    if (this.#protocol.running === undefined) this.#running = "none";
    if (this.#farewell !== undefined && this.#running !== "short") this.#end(this.#farewell);
    void this.#driver.flush();
  }

  /** Ends the conversation; does nothing if it has ended. */
  #end(text?: string): void {
    this.#refusalTimer.stop();
    this.#protocol.close(text);
    void this.#driver.flush();
  }

  #report(error: unknown): void {
    this.#options.onError(error, this.peer);
  }
}
