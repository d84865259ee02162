/**
 * Sessions of IMAP, for what a server tells of them.
 *
 * @module
 */

import { connect as connectSocket } from "node:net";

/** A session of a user, who sends one command after the other. */
export interface ImapSession {
  /** Sends NOOP so many times; resolves when the last one is answered. */
  send(count: number): Promise<void>;
  /** Closes its connection. */
  leave(): void;
}

/** Logs a user in at a port of 127.0.0.1; resolves when the server has answered. */
export async function logIn(
  port: number,
  user: string,
  password: string,
): Promise<ImapSession> {
  const socket = connectSocket({ host: "127.0.0.1", port });
  let received = "";
  let onAnswer = () => {};
  socket.setEncoding("utf8").on("data", (chunk) => {
    received += chunk;
    onAnswer();
  });
  let tag = 0;
  const run = (...commands: readonly string[]) =>
    new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      const last = tag + commands.length;
      onAnswer = () => {
        if (new RegExp(`^t${last} `, "m").test(received)) resolve();
      };
      socket.write(commands.map((command) => `t${++tag} ${command}\r\n`).join(""));
    });
  await run(`LOGIN ${user} ${password}`);
  return {
    send: (count) => run(...Array<string>(count).fill("NOOP")),
    leave: () => void socket.destroy(),
  };
}
