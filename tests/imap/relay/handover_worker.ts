/**
 * A worker: a relay to the port of 127.0.0.1 that is its first argument. The third one is its certificate, if it offers
 * STARTTLS.
 */

import process from "node:process";
import { continuation, defineCommand, ok, sleep, untagged } from "../../../imap/mod.ts";
import { serveRelay } from "../../../imap/relay/mod.ts";
import { HandoverWorker } from "../../../transports/handover/mod.ts";
import { connect } from "../../../transports/node.ts";

const [, , port, mode, tls] = process.argv;

/** Tells how often its handler was called, and in how many processes: each watches only once. */
const xcount = defineCommand(
  { name: "XCOUNT", args: [], isLongRunning: true, watch: () => () => {} },
  async function* (_args, { user }, { signal, state }) {
    const calls = (state as number | undefined ?? 0) + 1;
    if (calls === 1) yield continuation("counting");
    if (!signal.aborted) return sleep(calls);
    yield untagged(`XCOUNT ${user} ${calls}`);
    return ok("Counted.");
  },
);

// Dies with a connection's socket in hand, before it hears that it may have it.
if (mode.startsWith("dies at ")) {
  let left = Number(mode.slice("dies at ".length));
  process.on("message", (_message, socket) => {
    if (socket != undefined && --left === 0) process.kill(process.pid, "SIGKILL");
  });
}
const worker = new HandoverWorker();
const relay = serveRelay(worker.listener, {
  connect: ({ signal }) =>
    connect({ transport: "tcp", hostname: "127.0.0.1", port: Number(port) }, { signal }),
  upstreamId: false,
  ...{ maxConnections: Infinity, maxConnectionsPerAddress: Infinity },
  ...{ maxUnauthenticated: Infinity, refusalDelay: 0, keepaliveInterval: 0 },
  commands: [xcount],
  ...(tls === undefined ? {} : { startTls: JSON.parse(tls) }),
  onError: (error) => console.error(error),
});
if (mode === "dies" || mode === "refuses") {
  const { adopt } = relay;
  let count = 0;
  relay.adopt = (...args) => {
    if (++count === 3 && mode === "dies") process.kill(process.pid, "SIGKILL");
    if (count === 3) throw new Error("no room");
    adopt.apply(relay, args);
  };
}
worker.serve(
  mode === "other-form" ? Object.create(relay, { form: { value: "other" } }) : relay,
);
