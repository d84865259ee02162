import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { mailHandler } from "../../testing/mail_handler.ts";
import { startMailServer } from "../../testing/mail_server.ts";
import { Comparison } from "./differential/comparison.ts";
import { avoided, differences } from "./differential/differences.ts";
import { askHandler } from "./differential/embedded_server.ts";
import { Generator } from "./differential/generator.ts";
import { last, reading, writing } from "./differential/picked.ts";
import type { Ask } from "./differential/question.ts";
import { askReal, askSocket, startReal } from "./differential/real_server.ts";
import { readState, type RealState, takeOverSubscriptions } from "./differential/real_state.ts";
import { Twins } from "./differential/twins.ts";

/** The number of random commands, and of those between two comparisons of all mail. */
const GENERATED = 300;
const PORTION = 60;

// The seeds are arbitrary; many others were tried by hand.
test("embedded server › random commands, seed 20260110 › answers like Dovecot 2.3", async () => {
  await using dovecot = await startReal();
  const real = askReal(dovecot);
  const state = await readState(real);
  await compare(real, askHandler(mailHandler(state.system)), { state, seed: 20260110 });
});

test("embedded server › random commands over a socket, seed 20260111 › answers like Dovecot 2.3", async () => {
  await using dovecot = await startReal();
  const real = askReal(dovecot);
  const state = await readState(real);
  const path = join(dovecot.folder, "embedded");
  await using _server = await startMailServer({ system: state.system, place: { path } });
  await compare(real, askSocket(path), { state, seed: 20260111 });
});

async function compare(
  real: Ask,
  embedded: Ask,
  { state, seed }: { readonly state: RealState; readonly seed: number },
): Promise<void> {
  await takeOverSubscriptions(embedded, state);
  const twins = new Twins([...state.mailboxGuids, ...state.mailGuids]);
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
