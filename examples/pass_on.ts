/**
 * A handler that passes commands on to a real Dovecot: with input, log and answers of any size.
 *
 * @module
 */

import {
  columnsOf,
  type DovecotVersion,
  encodeArguments,
  findCommand,
  receivedArguments,
} from "../core/doveadm/catalogue/mod.ts";
import { CommandError, connect, type DoveadmOptions, LocalProtocolError } from "../mod.ts";
import {
  CommandFailure,
  type DoveadmHandler,
  type ReplyField,
  type ServerRequest,
} from "../doveadm/server/mod.ts";

/**
 * Creates a handler for the Dovecot at a URL. Each command has a connection of its own; no more than
 * `maxConnections` are open at once, which is no limit if left out, and further commands wait. Throws a
 * `LocalProtocolError` for an invalid URL or option, which would show only when a client waits.
 */
export function passOn(
  upstream: string,
  { maxConnections = Infinity, ...options }: DoveadmOptions = {},
): DoveadmHandler {
  const turns = new Turns(maxConnections);
  // Connects to nothing, but checks the URL and the options.
  void connect(upstream, options).close();
  return async function* (request: ServerRequest): AsyncGenerator<ReplyField> {
    const { name, args, user, verbosity, hasInput, input, signal, log } = request;
    using _turn = await turns.take(signal);
    await using doveadm = connect(upstream, {
      ...options,
      logPassthrough: true,
      onLog: ({ level, message }) => log(level, message),
    });
    const command = { name, args, user, verbosity, ...(hasInput ? { input } : {}) };
    try {
      for await (const field of doveadm.stream(command, { signal })) {
        // The reply of "user" is a text, not a row.
        yield name === "user" ? { text: await field.text() } : field;
      }
    } catch (error) {
      // Its log was passed on already.
      if (!(error instanceof CommandError)) throw error;
      throw new CommandFailure(error.code, { detail: error.detail });
    }
  };
}

/** Lets a number of callers go on at once; the others wait, in order. */
class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    if (!(typeof count === "number" && count >= 1)) {
      throw new LocalProtocolError(
        `"maxConnections" is ${
          String(count)
        }, so that no command would run. Set it to a number from 1 on.`,
      );
    }
    this.#free = Math.floor(count);
  }

  /** Waits for a turn, which ends by its disposal; rejects if the signal aborts before. */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    return { [Symbol.dispose]: () => this.#end() };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.delete(begin);
        reject(signal.reason);
      };
      this.#waiting.add(begin);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  #end(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}

/**
 * A handler that refuses arguments that a Dovecot of that version doesn't take, or none if the version is left out:
 * its process dies of some of them, such as a field that it doesn't know. The client would learn nothing, and a
 * Dovecot whose processes serve several connections starts no other one for seconds. Throws a `LocalProtocolError`
 * for a version that is none.
 */
export function withCheckedArguments(
  handler: DoveadmHandler,
  version?: DovecotVersion,
): DoveadmHandler {
  const versions = version === undefined ? allVersions : [version];
  for (const version of versions) {
    if (allVersions.includes(version)) continue;
    throw new LocalProtocolError(
      `"version" is ${
        JSON.stringify(version)
      }. Set it to "2.3" or "2.4", in quotes, or leave it out.`,
    );
  }
  return (request) => {
    const faults = versions.map((version) => faultOf(request, version));
    if (!faults.includes(undefined)) throw new CommandFailure("USAGE", { log: faults.at(-1) });
    return handler(request);
  };
}

const allVersions: readonly DovecotVersion[] = ["2.3", "2.4"];

/** Why a Dovecot of that version doesn't take a command's arguments. */
function faultOf({ name, args }: ServerRequest, version: DovecotVersion): string | undefined {
  const info = findCommand(name);
  if (info === undefined) return undefined;
  try {
    const values = receivedArguments(info, args, version);
    encodeArguments(info, { ...values, ...info.input && { [info.input]: "" } }, version);
    columnsOf(info.columns[version], values, version);
  } catch (error) {
    if (error instanceof LocalProtocolError) return error.message;
    throw error;
  }
}
