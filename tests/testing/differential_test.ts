import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startMailServer } from "../../testing/mail_server.ts";
import type { DovecotVersion } from "../harness/dovecot/dovecot.ts";
import { atFullSize } from "../harness/soak.ts";
import { Comparison } from "./differential/comparison.ts";
import { avoided, differences } from "./differential/differences.ts";
import { Generator } from "./differential/generator.ts";
import { last, reading, writing } from "./differential/picked.ts";
import type { Ask } from "./differential/question.ts";
import { RealClient, startReal } from "./differential/real_server.ts";
import { readState, type RealState, takeOverSubscriptions } from "./differential/real_state.ts";
import { SocketClient } from "./differential/socket_client.ts";
import { Twins } from "./differential/twins.ts";

/** The number of random commands for a seed, and of those between two comparisons of all mail. */
const GENERATED = atFullSize(700, 150);
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
      await compare(ask, (question) => embedded.ask(question), { state, seed, start });
    });
  }
}

async function compare(
  real: Ask,
  embedded: Ask,
  { state, seed, start }: {
    readonly state: RealState;
    readonly seed: number;
    readonly start: number;
  },
): Promise<void> {
  await takeOverSubscriptions(embedded, state);
  const twins = new Twins([...state.mailboxGuids, ...state.mailGuids], start);
  const comparison = new Comparison(real, embedded, twins);
  await comparison.askAll();
  for (const question of reading) await comparison.ask(question);
  for (const question of writing) await comparison.ask(question);
  await comparison.askAll();
  const generator = new Generator(seed, state);
  for (let at = 1; at <= GENERATED; at++) {
    await comparison.ask(generator.next());
    if (at % PORTION === 0) await comparison.askAll();
  }
  await comparison.ask(last);
  const { asked, mismatches, alike, met } = comparison;
  assert.equal(
    mismatches.length,
    0,
    `${mismatches.length} of ${asked} answers differ:\n${mismatches.slice(0, 40).join("\n")}`,
  );
  // It must not pass only because all commands fail on both servers.
  assert((alike.get("+") ?? 0) > asked / 2);
  for (const code of ["-", "-USAGE", "-NOUSER", "-NOTFOUND", "-DATAERR"]) {
    assert((alike.get(code) ?? 0) > 0, code);
  }
  // An expected difference that no longer occurs has to be removed.
  assert(differences.length + avoided.length <= 10);
  for (const difference of differences) assert(met.has(difference), difference.reason);
}
