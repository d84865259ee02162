/**
 * What happens in traced conversations, whether it is recorded or live.
 *
 * @module
 */

import type { TraceSide } from "@dovewire/dovewire/core/doveadm";

/** A step of a conversation. Conversations are told apart by their numbers. */
export type Step =
  /** A conversation begins; `name` says which one it is. */
  | {
    readonly type: "open";
    readonly connection: number;
    readonly name: string;
    readonly time?: Date;
  }
  /** A side sends bytes. */
  | {
    readonly type: "bytes";
    readonly connection: number;
    readonly from: TraceSide;
    readonly bytes: Uint8Array;
    readonly time?: Date;
  }
  /** A side sends no more. */
  | {
    readonly type: "end";
    readonly connection: number;
    readonly from: TraceSide;
    readonly time?: Date;
  }
  /** Nothing more is known of a conversation; `problem` says why, unless both sides have ended. */
  | {
    readonly type: "close";
    readonly connection: number;
    readonly problem?: string;
    readonly time?: Date;
  };
