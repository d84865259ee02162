/**
 * What the extractor's client can be told.
 *
 * @module
 */

import type { Credentials } from "@dovewire/dovewire/core/extractor";
import type { Spawn, Transport } from "@dovewire/dovewire/transports";

/** How long to wait for a request, and when to give up on it. */
export interface ExtractorCallOptions {
  /** Gives up on the request. One that was sent may be carried out all the same. */
  signal?: AbortSignal;
  /**
   * How long the request may take, in milliseconds, from the call to the answer; the client's `timeout`
   * if left out, 0 for ever.
   */
  timeout?: number;
}

/** How much there may be of what. */
export interface ExtractorLimits {
  /** How many bytes a request or an answer may have; 64 MiB if left out. */
  maxMessageSize: number;
  /**
   * How many requests may be under way at once; others wait for their turn, in order. In version 3 that
   * is how many are sent to the process ahead of its answers, 256 if left out; in versions 1 and 2 how
   * many processes there are at once, 4 if left out.
   */
  maxInFlight: number;
}

/** What the client of any extractor can be told. */
export interface ExtractorOptions {
  /**
   * How long a request may take that doesn't say so itself, in milliseconds, from the call to the
   * answer; 60 s if left out, 0 for ever.
   */
  timeout?: number;
  /** How long starting the process, or opening the transport, may take; 10 s if left out, 0 for ever. */
  openTimeout?: number;
  /**
   * How long `close()` lets what was asked before be answered and the process end by itself, in
   * milliseconds; 5 s if left out, 0 for ever.
   */
  closeTimeout?: number;
  /** Ends the client at once: requests without an answer are given up, processes are ended. */
  signal?: AbortSignal;
  /** How much there may be of what. */
  limits?: Partial<ExtractorLimits>;
}

/** What the client of an extractor that is a program can be told. */
export interface ExtractorProcessOptions extends ExtractorOptions {
  /**
   * What to run ahead of the extractor's own arguments: the extractor, and what checks the password and
   * then runs it. `["/var/qmail/bin/qmail-authuser", "/usr/bin/extractor"]`.
   */
  command: readonly string[];
  /** The folder with the maildirs, the extractor's first argument. */
  maildir: string;
  /** The user of the system that the maildirs belong to, the second. */
  systemUser: string;
  /** Whose mails, the third. */
  mailUser: string;
  /**
   * Who logs in: what the first program of the command reads on its descriptor 3, of 512 bytes at most
   * with a NUL behind each of the three values. Left out, it has no descriptor 3.
   */
  credentials?: Credentials;
  /**
   * How the extractor is spoken to: 3 (if left out), one process for all requests; 2, a process a
   * request; 1, that too, with arguments and JSON in place of messages.
   */
  version?: 1 | 2 | 3;
  /** All of the processes' environment; a copy of this one's if left out. */
  env?: Readonly<Record<string, string>>;
  /** The folder that the processes start in; this one's if left out. */
  cwd?: string;
  /**
   * Gets what the processes write to their stderr, as it is, in any pieces. Errors quote the last of it
   * with or without this.
   */
  onStderr?: (text: string) => void;
  /** Starts the processes; the adapter of the runtime that this is if left out. */
  spawn?: Spawn;
}

/** What the client of an extractor at the other end of a transport can be told: version 3 is spoken. */
export interface ExtractorTransportOptions extends ExtractorOptions {
  /**
   * The transport, which belongs to the client from here on; or what opens one, when there is something
   * to ask and again when that has ended. Its signal aborts when it is no longer waited for.
   */
  transport: Transport | ((options: { signal: AbortSignal }) => Promise<Transport>);
}
