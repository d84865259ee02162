/**
 * What IMAP clients are asked to do, whichever they are.
 *
 * @module
 */

import type { Security } from "./tap.ts";

/** How a client logs in: by the command LOGIN, or by AUTHENTICATE PLAIN. */
export type Mechanism = "LOGIN" | "PLAIN";

/** What a client is to do, and where. */
export interface ClientTask {
  /** The port on localhost. */
  readonly port: number;
  readonly security: Security;
  /** Path of the certificate of the CA that the server's is of. */
  readonly ca: string;
  readonly user: string;
  readonly password: string;
  readonly mechanism: Mechanism;
  /** Mails to append to the mailbox {@linkcode APPENDED_TO}, in this order. */
  readonly mails: readonly Uint8Array[];
  /** A command that no client knows, for those that can send it. */
  readonly custom: string;
  /** An empty folder for the client's files. */
  readonly folder: string;
  /** Resolves when the client has idled that many times. */
  readonly idled: (times: number) => Promise<void>;
  /** Delivers a mail with the subject {@linkcode DELIVERED}. */
  readonly deliver: () => Promise<void>;
}

/** What a client found; what it can't do is left out. */
export interface Findings {
  /** The names of all mailboxes, in order. */
  readonly mailboxes?: readonly string[];
  /** The mails in INBOX, with CRLF, in order. */
  readonly mails?: readonly string[];
  /** How many mails in INBOX have {@linkcode SOUGHT} as subject. */
  readonly found?: number;
  /** Whether it appended the mails. */
  readonly hasAppended: boolean;
  /** Whether it heard of the delivery while it idled. */
  readonly hasIdled: boolean;
}

/** A client: it resolves when it has logged out. */
export type Client = (task: ClientTask) => Promise<Findings>;

/** The mailbox to append to. */
export const APPENDED_TO = "Archive";

/** The subject to search for. */
export const SOUGHT = "Lunch?";

/** The subject of the mail that is delivered during IDLE. */
export const DELIVERED = "Delivered";
