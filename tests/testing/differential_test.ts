import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startMailServer } from "../../testing/mail_server.ts";
import type { DovecotVersion } from "../harness/dovecot/dovecot.ts";
import { atFullSize, isSoak } from "../harness/soak.ts";
import { Random } from "../harness/random.ts";
import { Comparison } from "./differential/comparison.ts";
import { avoided, differences } from "./differential/differences.ts";
import { Generator } from "./differential/generator.ts";
import { HttpClient } from "./differential/http_client.ts";
import { HttpMistakes, inHttp } from "./differential/http_question.ts";
import { last, reading, writing } from "./differential/picked.ts";
import type { Ask, Question } from "./differential/question.ts";
import { RealClient, RealHttpClient, startReal } from "./differential/real_server.ts";
import { readState, type RealState, takeOverSubscriptions } from "./differential/real_state.ts";
import { SocketClient } from "./differential/socket_client.ts";
import { Twins } from "./differential/twins.ts";

/** The number of random commands for a seed, and of those between two comparisons of all mail. */
const GENERATED = atFullSize(700, 150);
/** Over HTTP, where each command takes a process of Dovecot's. */
const GENERATED_HTTP = atFullSize(700, 75);
const PORTION = 75;

// The seeds are arbitrary; many others were tried by hand.
const seeds = [20260110, 20260111].slice(0, atFullSize(2, 1));

for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
  for (const seed of seeds) {
    test(`embedded server › random commands over a socket, seed ${seed} › answers like Dovecot ${version}`, async () => {
      const start = Date.now();
      await using dovecot = await startReal(version);
      await using real = new RealClient(dovecot);
      const ask: Ask = (question) => real.ask(question);
      const state = await readState(ask);
      const place = { path: join(dovecot.folder, "embedded") };
      await using _server = await startMailServer({ system: state.system, version, place });
      await using embedded = new SocketClient(place.path);
      const servers: Servers = { real: ask, embedded: (question) => embedded.ask(question) };
      await takeOverSubscriptions(servers.embedded, state);
      const generator = new Generator(seed, state);
      await compare(servers, servers, {
        ...{ state, start, count: GENERATED, next: () => generator.next() },
        fixed: { first: [...reading, ...writing], last },
        codes: ["-", ...codes],
      });
    });

    test(`embedded server › random commands over HTTP, seed ${seed} › answers like Dovecot ${version}`, async () => {
      const start = Date.now();
      await using dovecot = await startReal(version);
      await using overSocket = new RealClient(dovecot);
      const state = await readState((question) => overSocket.ask(question));
      const place = { path: join(dovecot.folder, "embedded") };
      const { apiKey } = dovecot;
      const { system } = state;
      await using server = await startMailServer({ system, version, place, http: { apiKey } });
      assert(server.http!.address.transport === "tcp");
      const { port } = server.http!.address;
      const embedded = new HttpClient({ port, apiKey, version });
      await using embeddedSocket = new SocketClient(place.path);
      const real = new RealHttpClient(dovecot, version, overSocket);
      const overHttp: Servers = {
        real: (question) => real.ask(question),
        embedded: (question) => embedded.ask(question),
      };
      const overSockets: Servers = {
        real: (question) => overSocket.ask(question),
        embedded: (question) => embeddedSocket.ask(question),
      };
      await takeOverSubscriptions(overSockets.embedded, state);
      const generator = new Generator(seed, state);
      const mistakes = new HttpMistakes(new Random(seed), version);
      const fixed = [...reading, ...writing]
        .map((question) => inHttp(question, version))
        .filter((question) => question !== undefined);
      await compare(overHttp, overSockets, {
        ...{ state, start, count: GENERATED_HTTP },
        next: () => mistakes.ask(generator.next()),
        ...(isSoak
          ? { fixed: { first: fixed, last: inHttp(last, version)! }, codes }
          : { fixed: { first: [] }, codes: [] }),
      });
    });
  }
}

/** Failures that commands on mail have. */
const codes: readonly string[] = ["-USAGE", "-NOUSER", "-NOTFOUND", "-DATAERR"];

/** Two servers, in one of the ways to send them commands. */
interface Servers {
  readonly real: Ask;
  readonly embedded: Ask;
}

/** What to ask two servers. */
interface Plan {
  readonly state: RealState;
  readonly start: number;
  /** The commands before the random ones, and one after them; without these not all differences occur. */
  readonly fixed: { readonly first: readonly Question[]; readonly last?: Question };
  /** The next random command; `undefined` for one that can't be sent. */
  readonly next: () => Question | undefined;
  /** The number of random commands. */
  readonly count: number;
  /** Failures of which both servers have to answer some alike. */
  readonly codes: readonly string[];
}

/** Sends commands in one way, and compares all mail now and then in another. */
async function compare(servers: Servers, forMail: Servers, plan: Plan): Promise<void> {
  const { state, start, fixed, next, count } = plan;
  const twins = new Twins([...state.mailboxGuids, ...state.mailGuids], start);
  const comparison = new Comparison(servers.real, servers.embedded, twins);
  const mail = new Comparison(forMail.real, forMail.embedded, twins);
  await mail.askAll();
  for (const question of fixed.first) await comparison.ask(question);
  if (fixed.first.length > 0) await mail.askAll();
  for (let at = 1; at <= count;) {
    const question = next();
    if (question === undefined) continue;
    await comparison.ask(question);
    if (at % PORTION === 0) await mail.askAll();
    at++;
  }
  if (fixed.last !== undefined) await comparison.ask(fixed.last);
  const mismatches = [...comparison.mismatches, ...mail.mismatches];
  const asked = comparison.asked + mail.asked;
  assert.equal(
    mismatches.length,
    0,
    `${mismatches.length} of ${asked} answers differ:\n${mismatches.slice(0, 40).join("\n")}`,
  );
  // It must not pass only because all commands fail on both servers.
  const alike = (result: string) => comparison.alike.get(result) ?? 0;
  assert(alike("+") + (mail.alike.get("+") ?? 0) > asked / 2);
  for (const code of plan.codes) assert(alike(code) > 0, code);
  // An expected difference that no longer occurs has to be removed.
  assert(differences.length + avoided.length <= 10);
  if (fixed.first.length === 0) return;
  for (const difference of differences) {
    assert(comparison.met.has(difference) || mail.met.has(difference), difference.reason);
  }
}
