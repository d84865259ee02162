/**
 * Options for the extractor's client.
 *
 * @module
 */

import type { Credentials } from "@dovewire/dovewire/core/extractor";
import type { Spawn, Transport } from "@dovewire/dovewire/transports";

/** Options for a request. */
export interface ExtractorCallOptions {
  /** Aborts the request. One that was sent may run nevertheless. */
  signal?: AbortSignal;
  /**
   * How long the request may take, in milliseconds, from the call to the answer; the client's `timeout`
   * if left out, 0 or `Infinity` for no limit.
   */
  timeout?: number;
}

/** Limits of the client. */
export interface ExtractorLimits {
  /** How many bytes a request or an answer may have; 64 MiB if left out. */
  maxMessageSize: number;
  /**
   * How many requests may run at once; others wait for their turn, in order. In version 3 that is how
   * many are sent to the process before its answers, 256 if left out; in versions 1 and 2 how many
   * processes there are at once, 4 if left out.
   */
  maxInFlight: number;
}

/** Options for the client of any extractor. */
export interface ExtractorOptions {
  /**
   * How long a request may take, in milliseconds, from the call to the answer, unless its own options say
   * otherwise; 60 s if left out, 0 or `Infinity` for no limit.
   */
  timeout?: number;
  /**
   * How long starting the process, or opening the transport, may take, in milliseconds; 10 s if left out,
   * 0 or `Infinity` for no limit.
   */
  connectTimeout?: number;
  /**
   * How long `close()` waits for the answers to earlier requests and for the process to end by itself, in
   * milliseconds; 5 s if left out, 0 or `Infinity` for no limit.
   */
  closeTimeout?: number;
  /** Ends the client at once: requests without an answer are rejected, processes are ended. */
  signal?: AbortSignal;
  /** Limits, each with a default. */
  limits?: Partial<ExtractorLimits>;
}

/** Options for the client of an extractor that is a program. */
export interface ExtractorProcessOptions extends ExtractorOptions {
  /**
   * The command before the extractor's own arguments: the program that checks the password and then runs
   * the extractor, and the extractor. `["/var/qmail/bin/qmail-authuser", "/usr/bin/extractor"]`.
   */
  command: readonly string[];
  /** The folder with the maildirs, the extractor's first argument. */
  maildir: string;
  /** The user of the system that the maildirs belong to, the second. */
  systemUser: string;
  /** Whose mails, the third. */
  mailUser: string;
  /**
   * Who logs in: what the first program of the command reads from its file descriptor 3, at most 512 bytes
   * with a NUL after each of the three values. If left out, it has no file descriptor 3.
   */
  credentials?: Credentials;
  /**
   * The version of the protocol: 3 (if left out), one process for all requests; 2, a process for each
   * request; 1, the same with arguments and JSON in place of messages.
   */
  version?: 1 | 2 | 3;
  /** The whole environment of the processes; a copy of this process's if left out. */
  env?: Readonly<Record<string, string>>;
  /** The folder that the processes start in; this process's if left out. */
  cwd?: string;
  /**
   * Called with what the processes write to their stderr, unchanged, in any pieces. Errors quote the end of
   * it with or without this.
   */
  onStderr?: (text: string) => void;
  /** Starts the processes; with the adapter of this runtime if left out. */
  spawn?: Spawn;
}

/** Options for the client of an extractor at the other end of a transport, which speaks version 3. */
export interface ExtractorTransportOptions extends ExtractorOptions {
  /**
   * The transport, which the client owns from here on; or a function that opens one, called for the first
   * request and again after a transport has ended. Its signal aborts when nobody waits for it any more.
   */
  transport: Transport | ((options: { signal: AbortSignal }) => Promise<Transport>);
}
