/**
 * The file of a listening UNIX socket.
 *
 * @module
 */

import { lstatSync, unlinkSync } from "node:fs";
import { chmod, link, lstat, mkdtemp, rm, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import {
  type Address,
  codeOfSystemError,
  type Connector,
  listenError,
  TransportError,
} from "./transport.ts";

/** The address of a UNIX socket. */
export type UnixAddress = Address & { readonly transport: "unix" };

/** How a runtime listens at a UNIX socket. */
export interface SocketBinder<Bound> {
  /** Listens at a path where there is no file. */
  bind(path: string): Bound | Promise<Bound>;
  /** Stops listening. */
  unbind(bound: Bound): void | Promise<void>;
  /** Checks whether a server listens there. */
  readonly connect: Connector;
}

/** A listener and its file. */
export interface BoundSocket<Bound> {
  readonly bound: Bound;
  readonly file: SocketFile;
}

/** The file of a listening socket. */
export class SocketFile {
  #path: string;
  #id: FileId;

  /** Called by {@linkcode bindSocketFile} for the file that exists. */
  constructor(path: string, id: FileId) {
    this.#path = path;
    this.#id = id;
  }

  /**
   * Removes the file, unless another server has replaced it. Call it while the socket is open: that keeps
   * the inode in use, so that no other file has its number.
   */
  remove(): void {
    try {
      const { dev, ino } = lstatSync(this.#path, { bigint: true });
      // In the same turn as the check, to leave next to no time for another server.
      if (dev === this.#id.dev && ino === this.#id.ino) unlinkSync(this.#path);
    } catch {
      // It is gone, or the folder isn't accessible any more; the next server there removes it.
    }
  }
}

/** The identity of a file, whatever its name. */
interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The longest path of a UNIX socket, in bytes: the size of `sun_path` on macOS; Linux has 4 more. */
const longestPath = 103;

/** The form of the last part of a temporary path. */
const temporaryName = "/.XXXXXX/XXXXXX";

/**
 * Listens at a UNIX socket whose file has its mode from the start. Replaces a stale file, and never
 * disturbs a server that still listens. Rejects with a `TransportError`, or with the runtime's error.
 *
 * The umask would be the simple way to set the mode, but it applies to the whole process with all threads.
 * So the socket is bound in a folder that only this user may enter, given its mode there, and then linked
 * to its place: unlike a rename, a link never replaces another file. (OpenSSH's ControlMaster creates its
 * sockets in a similar way.)
 */
export async function bindSocketFile<Bound>(
  address: UnixAddress,
  mode: number,
  binder: SocketBinder<Bound>,
): Promise<BoundSocket<Bound>> {
  checkLength(address);
  const { path } = address;
  const folder = await mkdtemp(`${dirname(path)}/.`);
  try {
    // Runtimes unlink that temporary name again when the socket is closed. No other file has such a name,
    // even if the folder was replaced by then.
    const temporary = `${folder}/${basename(folder).slice(1)}`;
    const bound = await binder.bind(temporary);
    try {
      await chmod(temporary, mode);
      const { dev, ino } = await lstat(temporary, { bigint: true });
      await putInPlace(temporary, address, binder.connect);
      return { bound, file: new SocketFile(path, { dev, ino }) };
    } catch (error) {
      await binder.unbind(bound);
      throw error;
    }
  } finally {
    // An empty folder that remains is no reason to fail.
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Refuses a path that would be truncated: not every runtime does. */
function checkLength(address: UnixAddress): void {
  const lengthOf = (path: string) => new TextEncoder().encode(path).length;
  const folder = dirname(address.path);
  if (lengthOf(address.path) <= longestPath && lengthOf(folder + temporaryName) <= longestPath) {
    return;
  }
  const room = longestPath - temporaryName.length;
  throw listenError(
    "other",
    address,
    undefined,
    `the path is too long for a UNIX socket. Use one of at most ${longestPath} bytes, in a folder ` +
      `whose own path has at most ${room}.`,
  );
}

/** Links the socket to its path. */
async function putInPlace(
  temporary: string,
  address: UnixAddress,
  connect: Connector,
): Promise<void> {
  // Repeats only while other servers start and stop there, too.
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await linked(temporary, address.path)) return;
    await removeStale(temporary, address, connect);
  }
  throw listenError("in-use", address, undefined);
}

/**
 * Removes the file of a server that is gone; rejects if it is anything else.
 *
 * Of several servers that start at once, each could remove the next one's new file. So one at a time: the
 * lock is another link to the socket, which shows whether its owner still lives.
 */
async function removeStale(
  temporary: string,
  address: UnixAddress,
  connect: Connector,
): Promise<void> {
  const { path } = address;
  const lock = `${dirname(path)}/.${basename(path)}.lock`;
  if (!await linked(temporary, lock)) {
    const owner = await stateOf(lock, connect);
    // Its owner died during the short time that it held the lock.
    if (owner.state === "stale") await unlink(lock).catch(ignoreMissing);
    // The owner of the lock is about to listen there.
    else if (owner.state !== "missing") {
      const help = `another server is just starting there. Remove ${lock} if none is.`;
      throw listenError("in-use", address, owner.cause, help);
    }
    return;
  }
  try {
    const found = await stateOf(path, connect);
    if (found.state === "stale") await unlink(path).catch(ignoreMissing);
    else if (found.state !== "missing") {
      throw listenError("in-use", address, found.cause, helpFor[found.state]);
    }
  } finally {
    await unlink(lock).catch(ignoreMissing);
  }
}

/**
 * What is at a socket's path; "closed" is a socket that refuses to be connected to, so that its state is
 * unknown.
 */
type FileState = "missing" | "stale" | "live" | "closed" | "no-socket";

const helpFor: Partial<Record<FileState, string>> = {
  "no-socket": "there is a file that is no socket. Use another path, or remove the file if it " +
    "isn't needed any more.",
  closed: "there is a socket that can't be connected to, so that it is unknown whether " +
    "another server listens. Remove it if none does, or use another path.",
};

/** Checks what is at a path, and connects if it is a socket. */
async function stateOf(
  path: string,
  connect: Connector,
): Promise<{ readonly state: FileState; readonly cause?: unknown }> {
  try {
    if (!(await lstat(path)).isSocket()) return { state: "no-socket" };
    await (await connect({ transport: "unix", path })).close();
    return { state: "live" };
  } catch (cause) {
    const code = cause instanceof TransportError ? cause.code : codeOfSystemError(cause);
    if (code === "not-found") return { state: "missing" };
    if (code === "refused") return { state: "stale" };
    return { state: "closed", cause };
  }
}

/** Links a file to another name; returns whether that name was free. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "EEXIST") return false;
    throw error;
  }
}

/** Ignores a file that isn't there. */
function ignoreMissing(error: unknown): void {
  if (codeOfSystemError(error) !== "not-found") throw error;
}
