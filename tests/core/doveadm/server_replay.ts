/**
 * Our server, following the script of a recorded one.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type DoveadmServerEvent, DoveadmServerProtocol } from "../../../core/doveadm/mod.ts";
import { fromBytes, isUtf8, type Recording, toBytes, utf8, wireOf } from "./recordings.ts";
import { type Part, type Segment, segmentsOfWire, type ServerScript } from "./server_scripts.ts";

/** What our server does with a recorded client, and the expected result. */
export interface Plan {
  readonly recording: Recording;
  readonly script: ServerScript;
  /** Whether it is what the recorded server did. */
  readonly isAsRecorded: boolean;
  /** The answer to each command that our server emits. */
  readonly answers: Answers;
  /** Whether commands are answered before their input in any case. */
  readonly answersEarly?: boolean;
  /** The output after the last answer. */
  readonly rest: readonly Part[];
  /** What goes over the wire. */
  readonly expected: readonly Segment[];
  /** How it ends: not at all, with the client, with a refused login, or with an error. */
  readonly end: "open" | "with the client" | "refused" | "failed";
}

/** The answer to each command, in their order. */
export type Answers = readonly (readonly Part[])[];

/** How a plan is carried out. */
export interface Manner {
  /** How what arrives and what is answered is cut into pieces. */
  readonly cut: (bytes: string) => Iterable<string>;
  /** Whether all bytes of the client arrive at once, if they may. */
  readonly atOnce?: boolean;
  /** Whether commands are answered before their input. */
  readonly early?: boolean;
  /** Whether values are given as texts, if they are. */
  readonly texts?: boolean;
}

/** What came of a replay. */
export interface Outcome {
  /** The events, in their order. */
  readonly events: readonly DoveadmServerEvent[];
  /** The input of each command that has some. */
  readonly inputs: readonly string[];
  /** The server's output. */
  readonly output: string;
  /** What ended it, if it was an error. */
  readonly error: unknown;
}

/** A server that follows a plan. */
export class Replay {
  #plan: Plan;
  #manner: Manner;
  #server: DoveadmServerProtocol;
  #events: DoveadmServerEvent[] = [];
  #inputs: string[] = [];
  #output = "";
  #error: unknown;
  #answered = 0;

  /** Creates one. */
  constructor(plan: Plan, manner: Manner) {
    this.#plan = plan;
    this.#manner = manner;
    this.#server = new DoveadmServerProtocol(plan.script.options);
  }

  /** Goes through the recording. */
  run(): Outcome {
    const { recording, script } = this.#plan;
    const wire = wireOf(recording, "client");
    // Bytes over TLS can't arrive together with those before it.
    if (this.#manner.atOnce && !wire.includes("STARTTLS")) {
      this.#hear(wire);
      if (script.clientEnds) this.#hear(undefined);
    } else this.#goThrough(recording.steps);
    return {
      events: this.#events,
      inputs: this.#inputs,
      output: this.#output,
      error: this.#error,
    };
  }

  #goThrough(steps: Recording["steps"]): void {
    let said = "";
    for (const { by, bytes } of steps) {
      if (by === "server") {
        said += bytes ?? "";
        // Ours must not wait where the recorded server didn't.
        if (this.#plan.isAsRecorded && !this.#manner.early) this.#compareWith(said);
      } else if (bytes === undefined) this.#hear(undefined);
      else for (const piece of this.#manner.cut(bytes)) this.#hear(piece);
    }
  }

  #compareWith(said: string): void {
    const { offered } = this.#plan.script;
    assert.deepEqual(segmentsOfWire(this.#output, offered), segmentsOfWire(said, offered));
  }

  /** Passes the client's bytes to the server, or their end. */
  #hear(bytes: string | undefined): void {
    if (bytes === undefined) this.#server.receiveEnd();
    else this.#server.receive(toBytes(bytes));
    this.#write();
    for (let event; (event = this.#nextEvent()) !== undefined;) {
      this.#write();
      this.#see(event);
    }
    this.#write();
  }

  #write(): void {
    for (let chunk; (chunk = this.#server.takeOutput()) !== undefined;) {
      this.#output += fromBytes(chunk);
    }
  }

  #nextEvent(): DoveadmServerEvent | undefined {
    try {
      return this.#server.nextEvent();
    } catch (error) {
      this.#error ??= error;
      assert.equal(error, this.#error, "the error isn't there without limit");
    }
  }

  #see(event: DoveadmServerEvent): void {
    const { early = false } = this.#manner;
    this.#events.push(event);
    switch (event.type) {
      case "start-tls":
        this.#server.tlsStarted();
        break;
      case "command":
        if (event.command.input) this.#inputs.push("");
        if (early || !event.command.input) this.#answer(event.id);
        break;
      case "input":
        this.#inputs[this.#inputs.length - 1] += fromBytes(event.chunk);
        if (event.final) this.#answer(event.id);
        break;
      case "input-lost":
        this.#answer(event.id);
    }
  }

  #answer(id: number): void {
    const { answers, rest } = this.#plan;
    const at = this.#answered++;
    answers[at]?.forEach((part) => this.#say(id, part));
    if (at === answers.length - 1) rest.forEach((part) => this.#say(id, part));
  }

  #say(id: number, part: Part): void {
    if (!this.#plan.script.passesLog) this.#server.log("info", "Nobody may hear this.");
    switch (part.type) {
      case "log":
        return this.#server.log(part.level, part.message);
      case "succeed":
        return this.#server.succeed(id);
      case "fail":
        return this.#server.fail(id, part.code, part.detail);
      case "field":
        return this.#sayField(id, part);
    }
  }

  #sayField(id: number, { bytes, final }: Part & { readonly type: "field" }): void {
    if (this.#manner.texts && isUtf8(bytes)) {
      return this.#server.writeField(id, utf8(bytes), { final });
    }
    const pieces = [...this.#manner.cut(bytes)];
    const last = pieces.pop() ?? "";
    for (const piece of pieces) this.#server.writeField(id, toBytes(piece), { final: false });
    this.#server.writeField(id, toBytes(last), { final });
  }
}
