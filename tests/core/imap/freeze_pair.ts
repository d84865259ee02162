/**
 * A relay that stays as it is beside one that is frozen and thawed again and again: both hear the same, and must say
 * the same.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ImapRelayProtocol, type ImapRelayProtocolOptions } from "../../../core/imap/mod.ts";
import { bytesOf, type RelayEvent, textOf } from "./relay_talk.ts";

/** One of the two relays, with its own clock. */
class Half {
  relay: ImapRelayProtocol;
  readonly #options: ImapRelayProtocolOptions;
  /** How far its clock is ahead of the test's. */
  #ahead = 0;

  constructor(options: ImapRelayProtocolOptions) {
    this.#options = options;
    this.relay = new ImapRelayProtocol(options);
  }

  /** Freezes it and thaws it in a process whose clock is another one; returns the size, 0 if that can't be. */
  freeze(clockShift: number): number {
    if (!this.relay.mayFreeze) return 0;
    const frozen = this.relay.freeze();
    this.relay = ImapRelayProtocol.thaw(frozen, this.#options, { clockShift });
    this.#ahead += clockShift;
    return frozen.length;
  }

  /** Passes the time. */
  tell(now: number): void {
    for (const side of [this.relay.client, this.relay.upstream]) {
      side.handleTimeout(now + this.#ahead);
    }
  }

  /** What it says and tells now, and what it would do next. */
  pump(): Outcome {
    const { client, upstream } = this.relay;
    const events: unknown[] = [];
    const said = { client: "", upstream: "" };
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const name of ["client", "upstream"] as const) {
        const side = this.relay[name];
        try {
          for (let event: RelayEvent | undefined; (event = side.nextEvent()) !== undefined;) {
            isBusy = true;
            if (event.type === "logged-in") {
              this.relay.acceptLogin(event.id, { keepalivePhase: 77 });
            }
            if (event.type !== "output") events.push(event);
          }
        } catch (error) {
          events.push(String(error));
        }
        for (let chunk; (chunk = side.takeOutput()) !== undefined; isBusy = true) {
          said[name] += textOf(chunk);
        }
      }
    }
    const since = (deadline: number | undefined) =>
      deadline === undefined || deadline === 0 ? deadline : deadline - this.#ahead;
    return {
      events,
      said,
      deadlines: [since(client.deadline), since(upstream.deadline)],
      mayRead: [client.mayRead, upstream.mayRead],
      running: this.relay.running,
      session: this.relay.session,
    };
  }
}

/** What a relay says and tells. */
export interface Outcome {
  readonly events: readonly unknown[];
  readonly said: { readonly client: string; readonly upstream: string };
  readonly deadlines: readonly (number | undefined)[];
  readonly mayRead: readonly boolean[];
  readonly running: number | undefined;
  readonly session: unknown;
}

/** A relay that stays, and one that is frozen before each step that asks for it. */
export class FreezePair {
  readonly #staying: Half;
  readonly #frozen: Half;
  #now = 1000;
  /** How often one was frozen. */
  freezes = 0;

  constructor(options: ImapRelayProtocolOptions) {
    this.#staying = new Half(options);
    this.#frozen = new Half(options);
  }

  /** Freezes the one and thaws it, if that can be. */
  freeze(clockShift: number): void {
    if (this.#frozen.freeze(clockShift) > 0) this.freezes++;
  }

  /** Either peer says something, which isn't looked at yet. */
  hear(from: "client" | "upstream", text: string): void {
    this.act((relay) => relay[from].receive(bytesOf(text)));
  }

  /** Does something to both; what they throw must be the same. */
  act(act: (relay: ImapRelayProtocol) => void): void {
    const thrown = [this.#staying, this.#frozen].map(({ relay }) => {
      try {
        act(relay);
      } catch (error) {
        return String(error);
      }
    });
    assert.equal(thrown[1], thrown[0]);
  }

  /** Time passes. */
  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const half of [this.#staying, this.#frozen]) half.tell(this.#now);
  }

  /** Moves events and bytes of both, which must be the same. */
  pump(): Outcome {
    const outcome = this.#staying.pump();
    assert.deepEqual(this.#frozen.pump(), outcome);
    return outcome;
  }
}
