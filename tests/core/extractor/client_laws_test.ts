import { test } from "node:test";
import {
  type ExtractorClientEvent,
  ExtractorClientProtocol,
  type ExtractorClientProtocolOptions,
} from "../../../core/extractor/mod.ts";
import { concat } from "../../../core/mod.ts";
import { type Conversation, lawTests, type Step } from "../../harness/laws.ts";
import { bytes, code, frame, signal, thrown } from "./dialogue.ts";

type Client = ExtractorClientProtocol;

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const nothing = new Uint8Array(0);
const limits = { maxMethodSize: 10, maxMessageSize: 1000, maxInFlight: 3 };

const laws = lawTests<ExtractorClientEvent, Client>({
  name: "extractor client",
  make: () => new ExtractorClientProtocol({ limits }),
  snapshot: (event) =>
    event.type === "response" ? { ...event, message: [...event.message] } : event,
  answered: (event) => event.type === "response" ? event.id : undefined,
  unanswered: (event) => event.type === "end" ? event.unanswered : undefined,
  // A protocol that awaits the exit status gets one, unless the conversation gave it already.
  abandon: (client) => void thrown(() => client.exited(code(0))),
  conversations: [
    conversation("one after the other", {}, [
      ask("auth"),
      { peer: frame(nothing) },
      ask("list"),
      { peer: frame(everyByte) },
      { local: (client) => client.close() },
      { end: true },
    ]),
    conversation("pipelined", {}, [
      ask("auth"),
      ask("list"),
      ask("count"),
      { peer: concat([frame(nothing), frame(everyByte), frame("x")]) },
      { end: true },
    ]),
    conversation("a process", { awaitsExit: true }, [
      ask("auth"),
      ask("list"),
      { peer: frame(nothing) },
      { local: (client) => client.close() },
      { peer: frame(everyByte) },
      { end: true },
      { local: (client) => client.exited(code(0)) },
    ]),
    conversation("a process whose exit is known before its output's end", { awaitsExit: true }, [
      ask("auth"),
      { local: (client) => client.exited(signal("SIGTERM")) },
      { peer: frame(nothing) },
      { end: true },
    ]),
    conversation("a process that ends in the middle", { awaitsExit: true }, [
      ask("auth"),
      ask("list"),
      { peer: frame(nothing) },
      { end: true },
      { local: (client) => client.exited(code(6)) },
    ]),
    conversation("an answer cut short", {}, [
      ask("auth"),
      { peer: frame(everyByte).subarray(0, 100) },
      { end: true },
    ]),
    conversation("a length cut short", { awaitsExit: true }, [
      ask("auth"),
      { peer: bytes(0, 0) },
      { end: true },
      { local: (client) => client.exited(signal("SIGKILL")) },
    ]),
    conversation("an answer over the limit", { limits }, [
      ask("auth"),
      { peer: frame(new Uint8Array(1001)) },
    ]),
    conversation("a length of all bits", {}, [ask("auth"), { peer: bytes(255, 255, 255, 255) }]),
    conversation("bytes without a request", {}, [{ peer: bytes("hello") }]),
    conversation("bytes after the last answer", {}, [
      ask("auth"),
      { peer: bytes(frame("x"), 0) },
    ]),
    conversation("bytes after the end", { awaitsExit: true }, [
      ask("auth"),
      { local: (client) => client.close() },
      { peer: bytes(frame("x"), "and more, and more") },
      { end: true },
      { local: (client) => client.exited(code(4)) },
    ]),
  ],
  localMistakes: [
    mistake("an empty name", (client) => client.send("", nothing)),
    mistake("a name with a control character", (client) => client.send("a\n", nothing)),
    mistake("a name with 8 bits", (client) => client.send("é", nothing)),
    mistake("a name over the limit", (client) => client.send("x".repeat(11), nothing)),
    mistake("a name that isn't a string", (client) => client.send(1 as unknown as string, nothing)),
    mistake("a message over the limit", (client) => client.send("add", new Uint8Array(1001))),
    mistake(
      "a message that isn't bytes",
      (client) => client.send("add", "x" as unknown as Uint8Array),
    ),
    mistake("input that isn't bytes", (client) => client.receive("x" as unknown as Uint8Array)),
    {
      ...mistake("a request over maxInFlight", (client) => client.send("auth", nothing)),
      steps: [{ local: (client) => "abc".split("").forEach((name) => client.send(name, nothing)) }],
    },
    {
      ...mistake("a request after close()", (client) => client.send("auth", nothing)),
      steps: [
        { local: (client) => client.close() },
        { local: (client) => client.close() },
      ],
    },
    {
      ...mistake("a second exit status", (client) => client.exited(code(0))),
      steps: [{ local: (client) => client.exited(code(3)) }],
    },
  ],
  floods: [
    flood("maxMessageSize", (at) => at === 0 ? bytes(0, 0, 3) : Uint8Array.of(0xe9)),
    flood("maxMessageSize", () => everyByte.slice(1)),
  ],
});

for (const [name, law] of Object.entries(laws)) test(name, law);

function conversation(
  name: string,
  options: ExtractorClientProtocolOptions,
  steps: Step<Client>[],
): Conversation<Client> {
  return { name, make: () => new ExtractorClientProtocol(options), steps };
}

function ask(method: string): Step<Client> {
  return { local: (client) => client.send(method, everyByte) };
}

function mistake(name: string, act: (client: Client) => unknown) {
  const steps: Step<Client>[] = [ask("auth"), ask("list"), { peer: frame("x").subarray(0, 3) }];
  return { name, steps, act };
}

function flood(limit: string, chunk: (at: number) => Uint8Array) {
  const make = () => new ExtractorClientProtocol({ limits });
  return { limit, make, steps: [ask("auth")], chunk, most: 2000 };
}
