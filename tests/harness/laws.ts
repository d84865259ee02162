/**
 * The laws of all protocols, as one test suite for any protocol.
 *
 * A protocol's own test describes conversations, errors of a caller, and endless input from a peer; the suite
 * cuts the conversations in every way and checks the laws of `core/protocol.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LocalProtocolError, type Protocol, RemoteProtocolError } from "../../core/mod.ts";

/** A step of a conversation. */
export type Step<P> =
  /** The peer sends bytes. */
  | { readonly peer: Uint8Array }
  /** The caller acts; a request returns its id, and so does the answer to one. */
  | { readonly local: (protocol: P) => number | void | { readonly answered: number } }
  /** The peer ends its output. */
  | { readonly end: true };

/** A conversation, from both sides. */
export interface Conversation<P> {
  /** Its name. */
  readonly name: string;
  /** Creates its protocol. */
  readonly make: () => P;
  /** Its steps. */
  readonly steps: readonly Step<P>[];
}

/** A protocol as the suite tests it. */
export interface LawSubject<P, Event> {
  /** The protocol's name. */
  readonly name: string;
  /** Conversations, valid ones and ones that end in a peer's error. */
  readonly conversations: readonly Conversation<P>[];
  /** An event as plain data that can be compared. */
  readonly snapshot: (event: Event) => unknown;
  /** Joins two neighbouring events that are pieces of one value; returns `undefined` for others. */
  readonly join?: (first: Event, second: Event) => Event | undefined;
  /** Copies what an event has of the chunks that arrived; for a protocol with `holdsInput`. */
  readonly copy?: (event: Event) => Event;
  /** The id of the request that an event answers. */
  readonly answered: (event: Event) => number | undefined;
  /** The id of the peer's request that an event reports. */
  readonly begun?: (event: Event) => number | undefined;
  /** The caller's reaction when the connection dies before its answer. */
  readonly abandon?: (protocol: P) => void;
  /** The ids that an event reports as unanswered; `undefined` for all events except the last. */
  readonly unanswered: (event: Event) => readonly number[] | undefined;
  /** Calls that are errors of the caller, in an open conversation. */
  readonly localMistakes: readonly {
    readonly name: string;
    readonly steps: readonly Step<P>[];
    readonly act: (protocol: P) => unknown;
  }[];
  /** Creates the protocol for these calls. */
  readonly make: () => P;
  /**
   * Whether a peer's mistakes are answered, and the conversation goes on: then none of them throws, and an
   * exceeded limit ends the conversation in order, with its last event. `false` if left out.
   */
  readonly answersMistakes?: boolean;
  /** Freezes and thaws the protocol, if it can be frozen now; left out for one that never can. */
  readonly refreeze?: (protocol: P) => P;
  /** Endless input of a peer, and the limit that ends it. */
  readonly floods: readonly {
    readonly limit: string;
    readonly make: () => P;
    readonly steps: readonly Step<P>[];
    readonly chunk: (at: number) => Uint8Array;
    /** How many bytes may pass before the limit takes effect, at most. */
    readonly most: number;
  }[];
}

/** The result of a conversation. */
interface Outcome {
  readonly events: readonly unknown[];
  readonly output: string;
  readonly error: unknown;
  readonly made: readonly number[];
  readonly answered: ReadonlySet<number>;
  readonly unanswered: readonly number[] | undefined;
}

/** The tests of all laws for a protocol, each by its name. */
export function lawTests<Event, P extends Protocol<Event>>(
  subject: LawSubject<P, Event>,
): Record<string, () => void> {
  const { name, conversations } = subject;
  const run = (conversation: Conversation<P>, cut: Cut, stopAt = Infinity) =>
    converse(subject, conversation, { cut, stopAt });
  return {
    [`${name} › input cut anywhere › yields the same events`]: () => {
      for (const conversation of conversations) {
        const whole = run(conversation, (bytes) => [bytes]);
        compare(run(conversation, bytewise), whole, conversation.name, "byte by byte");
        fc.assert(
          fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sizes) => {
            compare(run(conversation, atRandom(sizes)), whole, conversation.name, "at random");
          }),
          { numRuns: 25, seed: 1 },
        );
      }
    },

    [`${name} › local mistakes › throw and change nothing`]: () => {
      for (const { name: mistake, steps, act } of subject.localMistakes) {
        const good = { name: mistake, make: subject.make, steps };
        const bad = {
          ...good,
          steps: steps.flatMap((step) => [
            step,
            {
              local: (protocol: P) => {
                assert.throws(() => act(protocol), LocalProtocolError, mistake);
              },
            },
          ]),
        };
        compare(run(bad, bytewise), run(good, bytewise), mistake, "with the mistake");
      }
    },

    ...(subject.refreeze === undefined ? {} : frozenAnywhere(subject, subject.refreeze)),

    ...(subject.copy === undefined ? {} : overwrittenChunks(subject, subject.copy)),

    ...(subject.answersMistakes ? answeredMistakes(subject, run) : thrownMistakes(subject, run)),

    [`${name} › a connection that dies anywhere › loses no request`]: () => {
      for (const conversation of conversations) {
        const size = conversation.steps.reduce(
          (sum, step) => sum + ("peer" in step ? step.peer.length : 0),
          0,
        );
        for (let at = 0; at <= size; at++) {
          // Byte by byte all of it would take quadratic time with a large factor; pieces don't matter.
          const cut: Cut = at % 10 === 0 ? bytewise : (bytes) => [bytes];
          const outcome = run(conversation, cut, at);
          const reported = outcome.unanswered ??
            (outcome.error instanceof RemoteProtocolError ? outcome.error.unanswered : []);
          if (outcome.error !== undefined && !(outcome.error instanceof RemoteProtocolError)) {
            continue;
          }
          assert.deepEqual(
            reported,
            outcome.made.filter((id) => !outcome.answered.has(id)),
            `"${conversation.name}", cut at ${at}`,
          );
        }
      }
    },

    [`${name} › any conversation › uses no timers, promises or I/O`]: () => {
      withoutImpureGlobals(() => {
        for (const conversation of conversations) run(conversation, bytewise);
      });
    },
  };
}

/** The law of a protocol that can be frozen. */
function frozenAnywhere<Event, P extends Protocol<Event>>(
  subject: LawSubject<P, Event>,
  refreeze: (protocol: P) => P,
): Record<string, () => void> {
  return {
    [`${subject.name} › frozen and thawed between any bytes › goes on in the same way`]: () => {
      for (const conversation of subject.conversations) {
        const { name } = conversation;
        const whole = converse(subject, conversation, { cut: bytewise });
        const between = (protocol: P) => refreeze(refreeze(protocol));
        compare(converse(subject, conversation, { cut: bytewise, between }), whole, name, "frozen");
        fc.assert(
          fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sizes) => {
            const cut = atRandom(sizes);
            const between = (protocol: P) =>
              sizes.next().value % 3 === 0 ? refreeze(protocol) : protocol;
            const frozen = converse(subject, conversation, { cut, between });
            compare(frozen, whole, name, "frozen at random");
          }),
          { numRuns: 10, seed: 1 },
        );
      }
    },
  };
}

/** The law of a protocol that says whether it refers to the chunks that it received. */
function overwrittenChunks<Event, P extends Protocol<Event> & { readonly holdsInput?: boolean }>(
  subject: LawSubject<P, Event>,
  copy: (event: Event) => Event,
): Record<string, () => void> {
  return {
    [`${subject.name} › chunks overwritten once it holds none › yields the same events`]: () => {
      let overwritten = 0;
      for (const conversation of subject.conversations) {
        const whole = converse(subject, conversation, { cut: (bytes) => [bytes] });
        const overwrite = (protocol: P, chunk: Uint8Array) => {
          if (protocol.holdsInput !== false) return;
          chunk.fill(overwritten++ % 2 === 0 ? 0x0a : 0x09);
        };
        const cuts: readonly (readonly [string, Cut])[] = [
          ["whole", (bytes) => [bytes]],
          ["byte by byte", bytewise],
        ];
        for (const [how, cut] of cuts) {
          const outcome = converse(subject, conversation, { cut, copy, overwrite });
          compare(outcome, whole, conversation.name, `overwritten, ${how}`);
        }
        fc.assert(
          fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sizes) => {
            const outcome = converse(subject, conversation, {
              ...{ cut: atRandom(sizes), copy, overwrite },
            });
            compare(outcome, whole, conversation.name, "overwritten, at random");
          }),
          { numRuns: 5, seed: 1 },
        );
      }
      assert(overwritten > 0, "it held each chunk");
    },
  };
}

/** Runs a conversation. */
type Run<P> = (conversation: Conversation<P>, cut: Cut) => Outcome;

/** The laws of a protocol that a peer's mistake fails. */
function thrownMistakes<Event, P extends Protocol<Event>>(
  subject: LawSubject<P, Event>,
  run: Run<P>,
): Record<string, () => void> {
  const { name, conversations } = subject;
  return {
    [`${name} › remote mistakes › throw, and rethrow the same error afterwards`]: () => {
      const failed = conversations.filter((conversation) =>
        run(conversation, bytewise).error !== undefined
      );
      assert(failed.length > 0, "there is no conversation with a remote mistake");
      // converse() checks that every error is rethrown.
    },

    [`${name} › endless input › is refused at the limit`]: () => {
      for (const flood of subject.floods) {
        const { limit } = flood;
        const { sent, error } = pour(subject, flood);
        assert(error instanceof RemoteProtocolError, `${limit}: ${sent} bytes passed, ${error}`);
        assert.equal(error.limit, limit);
        assert(error.message.includes(limit), `"${error.message}" doesn't name the limit`);
      }
    },
  };
}

/** The laws of a protocol that answers a peer's mistakes. */
function answeredMistakes<Event, P extends Protocol<Event>>(
  subject: LawSubject<P, Event>,
  run: Run<P>,
): Record<string, () => void> {
  const { name, conversations } = subject;
  return {
    [`${name} › remote mistakes › are answered, and never throw`]: () => {
      for (const conversation of conversations) {
        assert.equal(run(conversation, bytewise).error, undefined, conversation.name);
      }
    },

    [`${name} › endless input › ends the conversation at the limit`]: () => {
      for (const flood of subject.floods) {
        const { sent, error, last } = pour(subject, flood);
        assert.equal(error, undefined, flood.limit);
        const hasEnded = last !== undefined && subject.unanswered(last) !== undefined;
        assert(hasEnded, `${flood.limit}: ${sent} bytes passed`);
      }
    },
  };
}

/** Sends endless input, until it is refused or more was taken than may be. */
function pour<Event, P extends Protocol<Event>>(
  subject: LawSubject<P, Event>,
  { limit, make, steps, chunk, most }: LawSubject<P, Event>["floods"][number],
): { readonly sent: number; readonly error: unknown; readonly last: Event | undefined } {
  const protocol = make();
  converse(subject, { name: limit, make: () => protocol, steps }, { cut: bytewise });
  let sent = 0;
  let last: Event | undefined;
  const hasEnded = () => last !== undefined && subject.unanswered(last) !== undefined;
  const error = caught(() => {
    for (let at = 0; sent <= most && !hasEnded(); at++) {
      const bytes = chunk(at);
      sent += bytes.length;
      protocol.receive(bytes);
      for (let event; (event = protocol.nextEvent()) !== undefined;) last = event;
    }
  });
  return { sent, error, last };
}

/** How bytes are cut into chunks. */
type Cut = (bytes: Uint8Array) => Uint8Array[];

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

function atRandom(sizes: Iterator<number>): Cut {
  return (bytes) => {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const size: number = sizes.next().value;
      pieces.push(bytes.slice(at, at + size));
      at += size;
    }
    return pieces;
  };
}

/** How a conversation is run. */
interface Running<P, Event = never> {
  readonly cut: Cut;
  /** After how many bytes the peer stops; it doesn't if left out. */
  readonly stopAt?: number;
  /** Replaces the protocol, before and after what was received is looked at. */
  readonly between?: (protocol: P) => P;
  /** Copies an event as soon as it comes. */
  readonly copy?: (event: Event) => Event;
  /** Called with each chunk after its events. */
  readonly overwrite?: (protocol: P, chunk: Uint8Array) => void;
}

/** Runs a conversation and records the result. */
function converse<Event, P extends Protocol<Event>>(
  subject: LawSubject<P, Event>,
  { make, steps }: Conversation<P>,
  { cut, stopAt = Infinity, between = (protocol) => protocol, copy, overwrite }: Running<P, Event>,
): Outcome {
  let protocol = make();
  const events: Event[] = [];
  const output: Uint8Array[] = [];
  const made: number[] = [];
  const answered = new Set<number>();
  let error: unknown;
  let hasEnded = false;
  const pump = () => {
    error ??= caught(() => {
      for (let next; (next = protocol.nextEvent()) !== undefined;) {
        const event = copy === undefined ? next : copy(next);
        const joined = events.length > 0 ? subject.join?.(events.at(-1)!, event) : undefined;
        if (joined !== undefined) events.pop();
        const begun = subject.begun?.(event);
        if (begun !== undefined) made.push(begun);
        const id = subject.answered(event);
        if (id !== undefined) answered.add(id);
        events.push(joined ?? event);
      }
    });
    for (let chunk; (chunk = protocol.takeOutput()) !== undefined;) output.push(chunk);
    if (error !== undefined) {
      // Earlier output may still be taken, but there is no new output.
      if (!hasEnded) protocol.receive(Uint8Array.of(0x0a));
      assert.equal(caught(() => protocol.nextEvent()), error, "the error isn't rethrown");
      assert.equal(protocol.takeOutput(), undefined, "a failed protocol has output");
    }
  };
  let left = stopAt;
  pump();
  for (const step of steps) {
    if ("peer" in step) {
      for (const piece of cut(step.peer.slice(0, Math.max(0, left)))) {
        protocol.receive(piece);
        protocol = between(protocol);
        pump();
        protocol = between(protocol);
        overwrite?.(protocol, piece);
      }
      left -= step.peer.length;
      if (left <= 0 && stopAt !== Infinity) break;
    } else if ("local" in step) {
      // A caller that got the end sends no more requests.
      if (error !== undefined || events.some((event) => subject.unanswered(event))) break;
      const did = step.local(protocol);
      if (typeof did === "number") made.push(did);
      else if (did) answered.add(did.answered);
      pump();
    } else {
      protocol.receiveEnd();
      hasEnded = true;
      pump();
    }
  }
  if (stopAt !== Infinity && !hasEnded) {
    protocol.receiveEnd();
    hasEnded = true;
    pump();
  }
  if (stopAt !== Infinity && subject.abandon !== undefined) {
    subject.abandon(protocol);
    pump();
  }
  const last = events.at(-1);
  return {
    events: events.map(subject.snapshot),
    output: output.map((chunk) => String(chunk)).join(),
    error,
    made,
    answered,
    unanswered: last === undefined ? undefined : subject.unanswered(last),
  };
}

function compare(one: Outcome, other: Outcome, conversation: string, how: string): void {
  const what = `"${conversation}", ${how}`;
  assert.deepEqual(one.events, other.events, what);
  // The cut changes what an error quotes, and what could be written before it; not its type.
  if (one.error === undefined) assert.deepEqual(one.output, other.output, what);
  assert.equal((one.error as Error)?.name, (other.error as Error)?.name, what);
}

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
}

/** Runs a function that may use no timer, clock, randomness, promise or I/O. */
function withoutImpureGlobals(act: () => void): void {
  const places: readonly [object, string][] = [
    ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "Promise", "fetch"]
      .map((key): [object, string] => [globalThis, key]),
    [Date, "now"],
    [Math, "random"],
  ];
  const kept = places.map(([owner, key]) => Reflect.get(owner, key));
  try {
    for (const [owner, key] of places) {
      Reflect.set(owner, key, () => {
        throw new Error(`a protocol used ${key}`);
      });
    }
    act();
  } finally {
    places.forEach(([owner, key], at) => Reflect.set(owner, key, kept[at]));
  }
}
