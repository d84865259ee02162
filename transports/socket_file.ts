/**
 * The file of a UNIX socket that is listened at.
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
  /** Asks whether anybody listens. */
  readonly connect: Connector;
}

/** What listens, and the file that leads to it. */
export interface BoundSocket<Bound> {
  readonly bound: Bound;
  readonly file: SocketFile;
}

/** The file of a socket that is listened at. */
export class SocketFile {
  #path: string;
  #id: FileId;

  /** Makes one of the file that is there; {@linkcode bindSocketFile} does. */
  constructor(path: string, id: FileId) {
    this.#path = path;
    this.#id = id;
  }

  /**
   * Removes the file, unless it is another's by now. To be called while the socket is open: it holds on
   * to its inode, so that no other file has that number.
   */
  remove(): void {
    try {
      const { dev, ino } = lstatSync(this.#path, { bigint: true });
      // In one turn with the look at it, so that next to nobody gets in between.
      if (dev === this.#id.dev && ino === this.#id.ino) unlinkSync(this.#path);
    } catch {
      // It is gone, or the folder is none of ours any more; the next server there sees to it.
    }
  }
}

/** Which file it is, whatever it is called. */
interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * The longest path of a UNIX socket, in bytes: what `sun_path` has room for on macOS, and Linux has 4
 * more.
 */
const longestPath = 103;

/** What the last part of a temporary path looks like. */
const temporaryName = "/.XXXXXX/XXXXXX";

/**
 * Listens at a UNIX socket whose file has its mode from the first, takes the place of a file that
 * nobody listens at any more, and disturbs nobody who does. Rejects with a `TransportError`, or with
 * what the runtime says.
 *
 * The umask would be the short way to the mode, but it is the whole process's, other threads included.
 * So the socket is bound in a folder that nobody else may enter, given its mode there, and then linked
 * to its place: a link takes no other file's place, as a rename would. (OpenSSH's ControlMaster makes
 * its sockets much the same way.)
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
    // Runtimes unlink that name again when the socket is closed. No file of a name like this is
    // anywhere, whatever the folder has become by then.
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
    // An empty folder that stays is no reason not to listen.
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Refuses what would be cut off: not every runtime does. */
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
    `the path is too long for a UNIX socket. Take one of at most ${longestPath} bytes, in a folder ` +
      `whose own is of at most ${room}.`,
  );
}

/** Gives the socket its name. */
async function putInPlace(
  temporary: string,
  address: UnixAddress,
  connect: Connector,
): Promise<void> {
  // More than once only while others start and stop there, too.
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await linked(temporary, address.path)) return;
    await removeStale(temporary, address, connect);
  }
  throw listenError("in-use", address, undefined);
}

/**
 * Removes the file of a server that is gone; rejects if it is anything else.
 *
 * Of several servers that start at once each would take the next one's new file for the old one. So
 * one at a time: the lock is another link to the socket, from which anybody can tell whether its owner
 * still lives.
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
    // Its owner died within the few moments that it had it.
    if (owner.state === "stale") await unlink(lock).catch(ignoreMissing);
    // Whoever has it is about to listen there.
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

/** What stands in the place for a socket: "closed" is a socket that lets nobody connect, so that its state is unknown. */
type FileState = "missing" | "stale" | "live" | "closed" | "no-socket";

const helpFor: Partial<Record<FileState, string>> = {
  "no-socket": "there is a file that is no socket. Take another path, or remove it if it is no " +
    "good any more.",
  closed: "there is a socket that can't be connected to, so that it isn't known whether " +
    "another server listens. Remove it if none does, or take another path.",
};

/** Looks at what is at a path, and connects if it is a socket. */
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

/** Gives a file another name, and says whether that name was free. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "EEXIST") return false;
    throw error;
  }
}

/** What isn't there needn't be removed. */
function ignoreMissing(error: unknown): void {
  if (codeOfSystemError(error) !== "not-found") throw error;
}
