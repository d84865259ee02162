/**
 * A server in memory for tests, and ways to talk to it.
 *
 * @module
 */

import { DoveadmConnection, type DoveadmLog } from "../../../mod.ts";
import {
  type DoveadmHandler,
  type DoveadmServer,
  serve,
  type ServeSettings,
} from "../../../doveadm/server/mod.ts";
import { memoryListener } from "../../../transports/memory.ts";
import type { Transport } from "../../../transports/transport.ts";

/** A server in memory, and what it reports. */
export interface Setup extends AsyncDisposable {
  readonly server: DoveadmServer;
  /** Messages of what went wrong, as the server reports it. */
  readonly errors: string[];
  /** A transport to the server. */
  dial(): Promise<Transport>;
  /** A client of the server. */
  open(
    options?: { password?: string; onLog?: (log: DoveadmLog) => void; maxMinor?: number },
  ): Promise<
    DoveadmConnection
  >;
}

/** Starts a server in memory. */
export async function setUp(handler: DoveadmHandler, settings: ServeSettings = {}): Promise<Setup> {
  const { listener, connect } = memoryListener();
  const errors: string[] = [];
  const server = await serve({
    listener,
    preauthenticated: settings.password === undefined && settings.authenticate === undefined,
    onError: (error) => errors.push((error as Error).message),
    ...settings,
  }, handler);
  const dial = () => connect(listener.address);
  return {
    server,
    errors,
    dial,
    open: async (options) => await DoveadmConnection.open(await dial(), options),
    [Symbol.asyncDispose]: () => server.close({ timeout: 1 }),
  };
}

/** A text's bytes. */
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** The text of bytes. */
export const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
/** What a client of protocol 1.0 begins with. */
export const hello: Uint8Array = bytes("VERSION\tdoveadm-server\t1\t0\n");
/** Waits so many milliseconds. */
export const sleep = (time: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, time));

/** All that a transport still gives. */
export async function rest(transport: Transport): Promise<string> {
  let all = "";
  for (let chunk; (chunk = await transport.read()) !== undefined;) all += text(chunk);
  return all;
}
