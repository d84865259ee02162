/**
 * Runs the benches on Deno, Node and Bun; all of them, or those that it gets the names of.
 *
 * @module
 */

import { findBun, findNode } from "./tools.ts";

const runtimes: readonly (readonly [string, string, readonly string[]])[] = [
  ["Deno", Deno.execPath(), ["run", "-A"]],
  ["Node", await findNode(), []],
  ["Bun", await findBun(), []],
];

/** Each bench by its name: runs a bench's file in a runtime, by a function that it gets. */
const benches: Readonly<
  Record<string, (run: (...args: string[]) => Promise<void>) => Promise<void>>
> = {
  parse: (run) => run("bench/parse.ts"),
  async transports(run) {
    await using peer = await startPeer();
    await run("bench/transports.ts", peer.places);
  },
};

async function startPeer(): Promise<AsyncDisposable & { readonly places: string }> {
  const peer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "bench/transports/peer.ts"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  let places = "";
  for await (const text of peer.stdout.pipeThrough(new TextDecoderStream())) {
    places += text;
    if (places.endsWith("\n")) break;
  }
  return {
    places,
    async [Symbol.asyncDispose]() {
      await peer.stdin.close();
      await peer.status;
    },
  };
}

for (const name of Deno.args.length > 0 ? Deno.args : Object.keys(benches)) {
  await benches[name](async (...bench) => {
    for (const [runtime, command, args] of runtimes) {
      console.log(`\n${name} in ${runtime}`);
      const { success } = await new Deno.Command(command, { args: [...args, ...bench] }).spawn()
        .status;
      if (!success) Deno.exit(1);
    }
  });
}
