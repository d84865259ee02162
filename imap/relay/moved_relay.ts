/**
 * A connection through a relay on its way to another process.
 *
 * @module
 */

import { ImapRelayProtocol } from "../../core/imap/mod.ts";
import { decodePlainData, encodePlainData } from "../../core/plain_data.ts";
import type { ReleasedTransport } from "../../transports/driver.ts";
import { fromByteString, toByteString } from "../../core/byte_string.ts";
import type { RelayClientInfo } from "./client_info.ts";
import type { FrozenRelay } from "./live_relay.ts";

/** A connection through a relay that was given up, for another process. */
export interface MovedRelay {
  /** Its state. */
  readonly bytes: Uint8Array;
  /** The client's transport, and the server's. */
  readonly transports: readonly ReleasedTransport[];
}

/** What {@linkcode MovedRelay.bytes} has. */
interface MovedState {
  readonly relay: Uint8Array;
  readonly command: Uint8Array | undefined;
  readonly wakeAt: number | undefined;
  readonly client: RelayClientInfo;
  readonly timeOrigin: number;
}

/** Says how moved connections are to be read: they can't be read by a relay that says something else. */
export const movedForm = `relay 3, protocol ${ImapRelayProtocol.frozenForm}`;

/** The state of a connection, with who its client is. */
export function writeMoved(frozen: FrozenRelay, client: RelayClientInfo): Uint8Array {
  const { stored, command } = frozen;
  const { timeOrigin } = performance;
  const state: MovedState = {
    ...{ client, timeOrigin, wakeAt: command?.wakeAt },
    relay: fromByteString(stored),
    command: command && fromByteString(command.stored),
  };
  return encodePlainData(state);
}

/** A connection that comes from another process. Throws a `LocalProtocolError` for damaged bytes. */
export function readMoved(
  { bytes, transports }: MovedRelay,
): { readonly client: RelayClientInfo; readonly relay: FrozenRelay } {
  const { relay, command, wakeAt, client, timeOrigin } = decodePlainData(bytes) as MovedState;
  const clockShift = timeOrigin - performance.timeOrigin;
  return {
    client,
    relay: {
      stored: toByteString(relay),
      command: command && {
        stored: toByteString(command),
        watch: undefined,
        wakeAt: wakeAt && wakeAt + clockShift,
      },
      client: transports[0],
      upstream: transports[1],
      deadline: 0,
      clockShift,
    },
  };
}
