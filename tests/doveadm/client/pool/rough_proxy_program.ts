/**
 * Passes TCP connections to the UNIX socket that it is given, not always well: of ten, three end after some
 * bytes, half of these by a reset, and three are slow. Prints its port, and, when its standard input ends,
 * how many it has cut.
 *
 * @module
 */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import process from "node:process";

let seed = 20_260_105;
let cuts = 0;

function random(below: number): number {
  return (seed = (seed * 48_271) % 0x7fff_ffff) % below;
}

/** What befalls a connection: how many bytes it passes in all, and how long each chunk takes. */
interface Fate {
  left: number;
  readonly isSlow: boolean;
}

function onConnection(client: Socket): void {
  const number = random(10);
  // Within the handshake, or within one of the commands after it.
  const left = number < 3 ? random(random(2) === 0 ? 60 : 2_000) : Infinity;
  const fate = { left, isSlow: number >= 3 && number < 6 };
  const server = connect({ path: process.argv[2], allowHalfOpen: true });
  const cut = () => {
    if (client.destroyed) return;
    cuts++;
    server.destroy();
    if (random(2) === 0) client.resetAndDestroy();
    else client.destroy();
  };
  for (const [from, to] of [[client, server], [server, client]]) {
    from.on("error", () => {});
    from.on("close", () => to.destroy());
    void pass(from, to, fate).then((isCut) => {
      if (isCut) cut();
      else to.end();
    }, () => from.destroy());
  }
}

/** Passes what arrives; returns whether its fate has come. */
async function pass(from: Socket, to: Socket, fate: Fate): Promise<boolean> {
  for await (const chunk of from.iterator({ destroyOnReturn: false })) {
    if (fate.isSlow) await new Promise((resolve) => setTimeout(resolve, random(5)));
    const piece: Uint8Array = chunk.subarray(0, Math.max(0, Math.min(fate.left, chunk.length)));
    fate.left -= chunk.length;
    const isCut = fate.left <= 0;
    if (piece.length > 0) {
      await new Promise<void>((resolve, reject) =>
        to.write(piece, (error) => error ? reject(error) : resolve())
      );
    }
    if (isCut) return true;
  }
  return false;
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
for await (const _ of process.stdin);
console.log(cuts);
process.exit();
