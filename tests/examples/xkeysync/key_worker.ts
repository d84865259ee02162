/**
 * A relay with XKEYSYNC as a supervisor's worker: in front of the server at the port of 127.0.0.1 that is its first
 * argument, with the store that its second one names. It freezes connections at once.
 *
 * @module
 */

import process from "node:process";
import { openStore } from "../../../examples/imap_relay/open_store.ts";
import { xkeyCommands } from "../../../examples/xkeysync/commands.ts";
import { serveRelay } from "../../../imap/relay/mod.ts";
import { HandoverWorker } from "../../../transports/handover/mod.ts";
import { connect } from "../../../transports/node.ts";

const [, , port, configured] = process.argv;

const worker = new HandoverWorker();
const store = await openStore(configured, { onError: (error) => console.error(error) });
const relay = serveRelay(worker.listener, {
  connect: ({ signal }) =>
    connect({ transport: "tcp", hostname: "127.0.0.1", port: Number(port) }, { signal }),
  commands: xkeyCommands(store),
  freezeAfter: 1,
  ...{ maxConnections: Infinity, maxConnectionsPerAddress: Infinity, maxUnauthenticated: Infinity },
  ...{ connectTimeout: 0, handshakeTimeout: 0 },
  onError: (error) => console.error(error),
});
void relay.finished.then(() => store.close?.());
worker.serve(relay);
