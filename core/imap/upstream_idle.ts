/**
 * What a relay says to the server while a custom command runs.
 *
 * @module
 */

import { encodeUtf8, type OutputQueue } from "../bytes.ts";
import type { StateArchive } from "../state_archive.ts";
import type { StatusFrame } from "./response_reader.ts";

/** What an {@linkcode UpstreamIdle} needs. */
export interface UpstreamIdleOptions {
  /** Takes what goes to the server. */
  readonly output: OutputQueue;
  /** A tag of the relay's own that wasn't used before. */
  readonly nextTag: () => string;
  /** Called when the server waits for commands again, after {@linkcode UpstreamIdle.stop} was called. */
  readonly onStopped: () => void;
}

/**
 * How often the server hears something, in milliseconds: half of the 30 minutes after which it may log a client
 * out (RFC 9051, 5.4).
 */
const refreshInterval = 900_000;

/**
 * An IDLE of the relay's own, for as long as a custom command of the client runs: the server hears nothing of the
 * client meanwhile, and would log it out; and it tells what is new in the mailbox. A server without IDLE gets
 * a NOOP now and then.
 */
export class UpstreamIdle {
  /**
   * "off": nothing is under way; "waiting" for the next NOOP; "starting": IDLE was sent; "idling": its
   * continuation has come; "ending": DONE was sent; "asking": a NOOP waits for its answer.
   */
  #state: "off" | "waiting" | "starting" | "idling" | "ending" | "asking" = "off";
  readonly #options: UpstreamIdleOptions;
  #isWanted = false;
  /** Whether the server takes IDLE. */
  #hasIdle = false;
  #tag = "";
  /** When the latest command was sent; `undefined` until the time is known. */
  #since: number | undefined;

  /** Creates one that is off. */
  constructor(options: UpstreamIdleOptions) {
    this.#options = options;
  }

  /** Whether the server is kept company, so that what it says without a reason is for nobody. */
  get isOn(): boolean {
    return this.#state !== "off";
  }

  /** When to call {@linkcode handleTimeout}; `undefined` for never. */
  get deadline(): number | undefined {
    if (!this.#isWanted || (this.#state !== "idling" && this.#state !== "waiting")) {
      return undefined;
    }
    return this.#since === undefined ? 0 : this.#since + refreshInterval;
  }

  /** Starts it, unless it is on. `hasIdle` is whether the server takes IDLE. */
  start(hasIdle: boolean): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#hasIdle = hasIdle;
    if (this.#state === "off") this.#begin();
  }

  /** Ends it. Returns whether it is over already; if not, `onStopped` is called when it is. */
  stop(): boolean {
    this.#isWanted = false;
    if (this.#state === "idling") this.#end();
    else if (this.#state === "waiting") this.#state = "off";
    return this.#state === "off";
  }

  /** Takes a continuation of the server; returns whether it was awaited here. */
  continue(): boolean {
    if (this.#state !== "starting") return false;
    this.#state = "idling";
    if (!this.#isWanted) this.#end();
    return true;
  }

  /** Takes a tagged response; returns whether it answers a command of this. */
  answer(frame: StatusFrame): boolean {
    if (frame.tag !== this.#tag || this.#state === "off" || this.#state === "waiting") return false;
    // An IDLE that ends before its DONE was refused.
    if (this.#state === "starting") this.#hasIdle = false;
    const wasEnding = this.#state === "ending" || this.#state === "asking";
    this.#state = "off";
    if (this.#isWanted) {
      if (this.#hasIdle && wasEnding) this.#begin();
      else this.#state = "waiting";
    } else this.#options.onStopped();
    return true;
  }

  /** Passes the current time. */
  handleTimeout(now: number): void {
    if (this.deadline === undefined) return;
    if (this.#since === undefined) this.#since = now;
    if (now - this.#since < refreshInterval) return;
    if (this.#state === "idling") this.#end();
    else this.#send("NOOP", "asking");
  }

  /** Passes where it is through an archive. */
  archive(state: StateArchive): void {
    this.#state = state.value(this.#state);
    this.#isWanted = state.value(this.#isWanted);
    this.#hasIdle = state.value(this.#hasIdle);
    this.#tag = state.value(this.#tag);
    this.#since = state.time(this.#since);
  }

  #begin(): void {
    if (this.#hasIdle) this.#send("IDLE", "starting");
    else {
      this.#since = undefined;
      this.#state = "waiting";
    }
  }

  #send(command: string, state: "starting" | "asking"): void {
    this.#tag = this.#options.nextTag();
    this.#state = state;
    this.#since = undefined;
    this.#options.output.push(encodeUtf8(`${this.#tag} ${command}\r\n`));
  }

  #end(): void {
    this.#state = "ending";
    this.#options.output.push(encodeUtf8("DONE\r\n"));
  }
}
