/**
 * The logins of a relay's client.
 *
 * @module
 */

import { concat, encodeUtf8 } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import { Concealer } from "../peer_text.ts";
import {
  type CapabilityRewrite,
  rewriteCapabilities,
  rewriteCapabilityResponse,
} from "./capability.ts";
import type { Conversation } from "./conversation.ts";
import type { LoginEvent } from "./conversation_events.ts";
import { relayedCapabilities } from "./relay_commands.ts";
import type { RelayAcceptance, RelayLoggedInEvent, RelayRefusedEvent } from "./relay_events.ts";
import type { UpstreamLogin, Verdict } from "./upstream_login.ts";

/** The server's answer to a login, which waits for the owner's decision. */
interface PendingVerdict {
  readonly login: LoginEvent;
  readonly verdict: Verdict;
}

/** Takes each login of the client to the server, and its answer to the owner, and from there to the client. */
export class RelayLogins {
  readonly #upstream: UpstreamLogin;
  readonly #rewrite: CapabilityRewrite;
  #conversation!: Conversation;
  /** The login that was sent to the server. */
  #sent: LoginEvent | undefined;
  #pending: PendingVerdict | undefined;
  /** Conceals the password of the latest login. */
  #concealer = new Concealer([]);

  /** Takes what talks to the server, and how its capabilities are rewritten. */
  constructor(upstream: UpstreamLogin, rewrite: CapabilityRewrite) {
    this.#upstream = upstream;
    this.#rewrite = rewrite;
  }

  /** Sets the conversation with the client. */
  attach(conversation: Conversation): void {
    this.#conversation = conversation;
  }

  /** Sends a login; returns the verdict where the server needn't be asked. */
  begin(event: LoginEvent): Verdict | undefined {
    this.#sent = event;
    this.#concealer = new Concealer([event.password]);
    return this.#upstream.begin(event);
  }

  /** Takes the server's answer; returns the event that asks the owner. */
  decide(verdict: Verdict): RelayLoggedInEvent | RelayRefusedEvent {
    const login = this.#sent!;
    this.#sent = undefined;
    this.#pending = { login, verdict };
    const { id, mechanism, isSecure } = login;
    const { user, code, isAccepted } = verdict;
    const told = { id, user, mechanism, isSecure };
    return isAccepted
      ? { type: "logged-in", ...told }
      : { type: "login-refused", ...told, code, text: this.conceal(verdict.text) };
  }

  /** Lets the client in whom the server has accepted: it gets the server's answer. */
  accept(id: number, { user, keepalivePhase }: RelayAcceptance): void {
    const { login, verdict } = this.#find(id, "acceptLogin");
    const answer = concat([encodeUtf8(login.tag), verdict.answer!]);
    this.#conversation.accept(id, {
      user: user ?? verdict.user,
      keepalivePhase,
      capabilities: rewriteCapabilities(this.#upstream.capabilities, relayedCapabilities([])),
      answer: rewriteCapabilityResponse(answer, this.#rewrite),
    });
    this.#pending = undefined;
    this.#concealer = new Concealer([]);
  }

  /** Refuses the client; returns whether the server had accepted it, so that both conversations have to end. */
  refuse(id: number, text: string = "Try again later."): boolean {
    const { login, verdict } = this.#find(id, "refuseLogin");
    const { answer, code, isAccepted } = verdict;
    if (isAccepted) this.#conversation.refuse(id, { code: "UNAVAILABLE", text });
    else if (answer === undefined) this.#conversation.refuse(id, { code, text: verdict.text });
    else this.#conversation.refuse(id, { answer: concat([encodeUtf8(login.tag), answer]) });
    this.#pending = undefined;
    return isAccepted;
  }

  /** A text without the password, which the server may repeat. */
  conceal(text: string): string {
    return this.#concealer.conceal(text);
  }

  #find(id: number, call: "acceptLogin" | "refuseLogin"): PendingVerdict {
    const pending = this.#pending;
    if (pending?.login.id === id && (pending.verdict.isAccepted || call === "refuseLogin")) {
      return pending;
    }
    const events = call === "acceptLogin" ? '"logged-in"' : '"logged-in" or "login-refused"';
    throw new LocalProtocolError(`${call}(${id}) answers a ${events} event, and none waits.`);
  }
}
