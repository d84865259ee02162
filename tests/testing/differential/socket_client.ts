/**
 * Sends commands to a server at a UNIX socket.
 *
 * @module
 */

import { findCommand } from "../../../core/doveadm/catalogue/mod.ts";
import { ConnectionLostError, DoveadmConnection } from "../../../mod.ts";
import { connect } from "../../../transports/mod.ts";
import type { Answer, Question } from "./question.ts";

/**
 * Sends commands to a server, one at a time. Those on mail share a connection, as long as it lasts: that
 * costs a real server a fraction of what a process per command costs. Others get a connection each.
 */
export class SocketClient implements AsyncDisposable {
  readonly #path: string;
  #log: string[] = [];
  #shared: DoveadmConnection | undefined;

  /** Creates one for a socket. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Sends a command. */
  async ask({ input, ...command }: Question): Promise<Answer> {
    this.#log = [];
    const isShared = findCommand(command.name)?.mail === true;
    const connection = isShared ? await this.#share() : await this.#open();
    try {
      const reply = await connection.send({ ...command, input });
      const detail = reply.detail === "" ? "" : ` ${reply.detail}`;
      const result = (reply.ok ? "+" : `-${reply.code}`) + detail;
      return { result, fields: reply.rawFields, log: this.#log };
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      return { result: "lost", fields: [], log: this.#log };
    } finally {
      if (!isShared) await connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shared?.close();
  }

  /** The connection for commands on mail; a new one if the last command has ended it. */
  async #share(): Promise<DoveadmConnection> {
    if (this.#shared?.isOpen !== true) {
      await this.#shared?.close();
      this.#shared = await this.#open();
    }
    return this.#shared;
  }

  /**
   * Opens a connection. A process of Dovecot that is about to end may still accept one, which then ends
   * before the handshake: nothing was sent, and the next process takes it.
   */
  async #open(attempts = 3): Promise<DoveadmConnection> {
    const transport = await connect({ transport: "unix", path: this.#path });
    try {
      return await DoveadmConnection.open(transport, {
        // Dovecot 2.3 sends its log without a request for it.
        logPassthrough: true,
        onLog: ({ level, message }) => this.#log.push(`${level}: ${message}`),
      });
    } catch (error) {
      if (!(error instanceof ConnectionLostError) || error.sent || attempts === 1) throw error;
      return await this.#open(attempts - 1);
    }
  }
}
