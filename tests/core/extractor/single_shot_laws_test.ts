import { test } from "node:test";
import {
  type ExitStatus,
  type SingleShotClientEvent,
  SingleShotClientProtocol,
  type SingleShotServerEvent,
  SingleShotServerProtocol,
  type SingleShotVersion,
} from "../../../core/extractor/mod.ts";
import { lawTests, type Step } from "../../harness/laws.ts";
import { bytes, code, signal, thrown } from "./dialogue.ts";

type Client = SingleShotClientProtocol;
type Server = SingleShotServerProtocol;

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const nothing = new Uint8Array(0);
const limits = { maxMessageSize: 1000 };
const answers = [nothing, bytes("{}\n"), bytes('{"size":3}\n\n\0\n'), bytes("{}"), everyByte];
const exits = [undefined, code(0), code(3), code(111), signal("SIGKILL")];

const clientLaws = lawTests<SingleShotClientEvent, Client>({
  name: "single-shot client",
  make: () => new SingleShotClientProtocol({ version: 2, input: everyByte, limits }),
  snapshot(event) {
    if (event.type !== "response") return event;
    return "message" in event
      ? { ...event, message: [...event.message] }
      : { ...event, header: [...event.header], binary: [...event.binary] };
  },
  answered: (event) => event.type === "response" ? event.id : undefined,
  unanswered: (event) => event.type === "end" ? event.unanswered : undefined,
  abandon: (client) => void thrown(() => client.exited(code(0))),
  conversations: [
    ...versions().flatMap((version) =>
      answers.flatMap((answer) =>
        exits.map((exit) => ({
          name: `version ${version}, ${answer.length} bytes, ${exit?.code ?? exit?.signal}`,
          make: () =>
            new SingleShotClientProtocol({
              version,
              input: everyByte,
              awaitsExit: exit !== undefined,
            }),
          steps: [
            // The only request exists since the constructor.
            { local: () => 1 },
            { peer: answer },
            { end: true },
            ...exited(exit),
          ] satisfies Step<Client>[],
        }))
      )
    ),
    {
      name: "an answer over the limit",
      make: () => new SingleShotClientProtocol({ version: 2, limits }),
      steps: [{ local: () => 1 }, { peer: new Uint8Array(1001) }],
    },
  ],
  localMistakes: [
    {
      name: "input that isn't bytes",
      steps: [{ peer: bytes("abc") }],
      act: (client) => client.receive("x" as unknown as Uint8Array),
    },
    {
      name: "a second exit status",
      steps: [{ local: (client) => client.exited(code(3)) }],
      act: (client) => client.exited(code(0)),
    },
    ...[
      () => new SingleShotClientProtocol({ version: 3 as 2 }),
      () => new SingleShotClientProtocol({ version: 2, limits, input: new Uint8Array(1001) }),
      () => new SingleShotClientProtocol({ version: 2, input: "x" as unknown as Uint8Array }),
      () => new SingleShotClientProtocol({ version: 1, limits: { maxMessageSize: 0 } }),
      () => new SingleShotServerProtocol({ version: 0 as 1 }),
    ].map((act, at) => ({
      name: `invalid options, ${at}`,
      steps: [{ end: true }] as const,
      act,
    })),
  ],
  floods: versions().map((version) => ({
    limit: "maxMessageSize",
    make: () => new SingleShotClientProtocol({ version, limits }),
    steps: [],
    chunk: () => everyByte,
    most: 2000,
  })),
});

const serverLaws = lawTests<SingleShotServerEvent, Server>({
  name: "single-shot server",
  make: () => new SingleShotServerProtocol({ version: 1, takesInput: false, limits }),
  snapshot: (event) => event.type === "request" ? { ...event, message: [...event.message] } : event,
  begun: (event) => event.type === "request" ? event.id : undefined,
  answered: () => undefined,
  unanswered: (event) => event.type === "end" ? event.unanswered : undefined,
  abandon: (server) => server.exit(3),
  conversations: [
    ...versions().flatMap((version) =>
      [nothing, everyByte].map((input) => ({
        name: `version ${version}, ${input.length} bytes`,
        make: () => new SingleShotServerProtocol({ version }),
        steps: [{ peer: input }, { end: true }, answer()] satisfies Step<Server>[],
      }))
    ),
    {
      name: "a request without input",
      make: () => new SingleShotServerProtocol({ version: 1, takesInput: false, limits }),
      steps: [answer(), { peer: new Uint8Array(1001) }, { end: true }],
    },
    {
      name: "a failure",
      make: () => new SingleShotServerProtocol({ version: 2 }),
      steps: [{ end: true }, answer(6)],
    },
    {
      name: "an exit without an answer",
      make: () => new SingleShotServerProtocol({ version: 2 }),
      steps: [{ peer: everyByte }, { end: true }, { local: (server) => server.exit(5) }],
    },
    {
      name: "an exit before the request",
      make: () => new SingleShotServerProtocol({ version: 2 }),
      steps: [{ local: (server) => server.exit(5) }, { peer: everyByte }, { end: true }],
    },
    {
      name: "input over the limit",
      make: () => new SingleShotServerProtocol({ version: 2, limits }),
      steps: [{ peer: new Uint8Array(1001) }],
    },
  ],
  localMistakes: [
    ["an empty header", (server: Server) => server.respond(nothing)],
    ["a header of two lines", (server: Server) => server.respond(bytes("{\n}"))],
    [
      "an answer over the limit",
      (server: Server) => server.respond(bytes("{}"), new Uint8Array(998)),
    ],
    [
      "an answer that isn't bytes",
      (server: Server) => server.respond("x" as unknown as Uint8Array),
    ],
    ["an invalid exit code", (server: Server) => server.exit(-1)],
    ["input that isn't bytes", (server: Server) => server.receive("x" as unknown as Uint8Array)],
  ].map(([name, act]) => ({
    name: name as string,
    steps: [{ peer: bytes("x") }, { local: () => {} }],
    act: act as (server: Server) => unknown,
  })),
  floods: [{
    limit: "maxMessageSize",
    make: () => new SingleShotServerProtocol({ version: 1, limits }),
    steps: [],
    chunk: () => everyByte,
    most: 2000,
  }],
});

for (const [name, law] of Object.entries({ ...clientLaws, ...serverLaws })) test(name, law);

function versions(): readonly SingleShotVersion[] {
  return [1, 2];
}

function exited(exit: ExitStatus | undefined): Step<Client>[] {
  return exit === undefined ? [] : [{ local: (client) => client.exited(exit) }];
}

function answer(exitCode?: number): Step<Server> {
  return {
    local(server) {
      server.respond(bytes("{}"));
      if (exitCode !== undefined) server.exit(exitCode);
      return { answered: 1 };
    },
  };
}
