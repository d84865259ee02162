/**
 * The few words of IMAP that the benches' clients say by themselves.
 *
 * @module
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** The user and the password at every server. */
export const LOGIN = { user: "alice", password: "s3cret" };

/** Connects to a port of 127.0.0.1. */
export async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

/** Connects and logs in. */
export async function logIn(port: number): Promise<Socket> {
  const socket = await dial(port);
  await ask(socket, "", "* OK ");
  await ask(socket, `l LOGIN ${LOGIN.user} ${LOGIN.password}\r\n`, "l OK ");
  return socket;
}

/** Sends a command, and waits for a line that begins so. */
export async function ask(socket: Socket, command: string, start: string): Promise<void> {
  if (command !== "") socket.write(command);
  for (let said = ""; !`\n${said}`.includes(`\n${start}`);) {
    const [chunk] = await once(socket, "data");
    said += chunk;
  }
}
