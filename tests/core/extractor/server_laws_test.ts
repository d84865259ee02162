import { test } from "node:test";
import {
  type ExtractorServerEvent,
  ExtractorServerProtocol,
  type ExtractorServerProtocolOptions,
} from "../../../core/extractor/mod.ts";
import { type Conversation, lawTests, type Step } from "../../harness/laws.ts";
import { bytes, frame } from "./dialogue.ts";

type Server = ExtractorServerProtocol;

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const nothing = new Uint8Array(0);
const limits = { maxMethodSize: 10, maxMessageSize: 1000, maxBacklog: 500 };

const laws = lawTests<ExtractorServerEvent, Server>({
  name: "extractor server",
  make: () => new ExtractorServerProtocol({ limits }),
  snapshot: (event) => event.type === "request" ? { ...event, message: [...event.message] } : event,
  begun: (event) => event.type === "request" ? event.id : undefined,
  answered: () => undefined,
  unanswered: (event) => event.type === "end" ? event.unanswered : undefined,
  abandon: (server) => server.exit(3),
  conversations: [
    conversation("one after the other", {}, [
      request("auth", nothing),
      answer(1, nothing),
      request("list", everyByte),
      answer(2, everyByte),
      { end: true },
    ]),
    conversation("pipelined", {}, [
      { peer: bytes(frame("auth"), frame(""), frame("count"), frame("xyz"), frame("list")) },
      { peer: frame(everyByte) },
      answer(1, nothing),
      answer(2, everyByte),
      answer(3, nothing),
      { end: true },
    ]),
    conversation("no request at all", {}, [{ end: true }]),
    conversation("the end before the answer", {}, [
      request("auth", nothing),
      { end: true },
      answer(1, nothing),
    ]),
    conversation("an early exit", {}, [
      request("auth", nothing),
      answer(1, nothing),
      request("list", nothing),
      { local: (server) => server.exit(6) },
      { peer: frame("and more") },
      { end: true },
    ]),
    conversation("an empty name", {}, [{ peer: bytes(frame(""), frame("x")) }]),
    conversation("a name with a control character", {}, [{ peer: frame("li\nst") }]),
    conversation("a name with 8 bits", {}, [{ peer: frame("é") }]),
    conversation("a name over the limit", { limits }, [{ peer: frame("x".repeat(11)) }]),
    conversation("a message over the limit", { limits }, [
      { peer: bytes(frame("list"), frame(new Uint8Array(1001))) },
    ]),
    conversation("an end within a name", {}, [{ peer: bytes(0, 0, 0, 5, "li") }, { end: true }]),
    conversation("an end between name and message", {}, [{ peer: frame("list") }, { end: true }]),
    conversation("an end within a message, after an answer", {}, [
      request("auth", nothing),
      answer(1, nothing),
      { peer: bytes(frame("list"), 0, 0, 0, 5, "x") },
      { end: true },
    ]),
    conversation("garbage after a request", {}, [
      { peer: bytes(frame("auth"), frame(""), "garbage") },
      answer(1, nothing),
    ]),
  ],
  localMistakes: [
    mistake("an answer without a request", (server) => server.respond(0, nothing)),
    mistake("an answer to the next request", (server) => server.respond(2, nothing)),
    mistake("an answer over the limit", (server) => server.respond(1, new Uint8Array(1001))),
    mistake(
      "an answer that isn't bytes",
      (server) => server.respond(1, "x" as unknown as Uint8Array),
    ),
    mistake("an invalid exit code", (server) => server.exit(256)),
    mistake("an exit code of NaN", (server) => server.exit(NaN)),
    mistake("input that isn't bytes", (server) => server.receive("x" as unknown as Uint8Array)),
    {
      ...mistake("a second answer", (server) => server.respond(1, nothing)),
      steps: [{
        local(server) {
          server.receive(bytes(frame("auth"), frame("")));
          server.nextEvent();
          server.respond(1, nothing);
        },
      }],
    },
  ],
  floods: [
    flood("maxMethodSize", [], () => everyByte.slice(0)),
    flood("maxMessageSize", [{ peer: frame("list") }], () => everyByte.slice(1)),
    flood("maxBacklog", [request("list", nothing)], () => frame("list")),
  ],
});

for (const [name, law] of Object.entries(laws)) test(name, law);

function conversation(
  name: string,
  options: ExtractorServerProtocolOptions,
  steps: Step<Server>[],
): Conversation<Server> {
  return { name, make: () => new ExtractorServerProtocol(options), steps };
}

function request(method: string, message: Uint8Array): Step<Server> {
  return { peer: bytes(frame(method), frame(message)) };
}

function answer(id: number, message: Uint8Array): Step<Server> {
  return {
    local(server) {
      server.respond(id, message);
      return { answered: id };
    },
  };
}

function mistake(name: string, act: (server: Server) => unknown) {
  const steps: Step<Server>[] = [request("auth", nothing), { peer: bytes(frame("list"), 0, 0) }];
  return { name, steps, act };
}

function flood(limit: string, steps: Step<Server>[], chunk: (at: number) => Uint8Array) {
  return { limit, make: () => new ExtractorServerProtocol({ limits }), steps, chunk, most: 2000 };
}
