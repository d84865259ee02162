/**
 * Who answers a client's command.
 *
 * @module
 */

import type { StateArchive } from "../state_archive.ts";
import type { CommandDefinition } from "./command_definition.ts";
import { whyNotAllowed } from "./command_definition.ts";
import type { BadCommand, CommandEnd, CommandLiteral, CommandStart } from "./command_frame.ts";
import type { ConversationContext } from "./conversation_context.ts";
import { type CustomCommands, idle } from "./custom_commands.ts";
import type { LoginCommands } from "./login_commands.ts";
import { answerOwnCommand, isOwnCommand, takesLiterals } from "./own_commands.ts";
import type { PassGate } from "./pass_gate.ts";

/** The state of the conversation after a part of a command. */
export type AfterCommand =
  | "commands"
  | "login"
  | "securing"
  | "waiting"
  | "passing"
  | "running"
  | "closing";

/** What answers commands. */
export interface CommandDispatchOptions {
  /** The custom commands, by their names. */
  readonly table: ReadonlyMap<string, CommandDefinition>;
  /** Runs them. */
  readonly custom: CustomCommands;
  /** Runs logins. */
  readonly login: LoginCommands;
  /** Passes commands on; `undefined` if there is no server behind. */
  readonly gate: PassGate | undefined;
  /** What ID answers, as it is written. */
  readonly ownId: string;
}

/** Takes the parts of commands, and lets them be answered by whom they concern. */
export class CommandDispatch {
  readonly #context: ConversationContext;
  readonly #options: CommandDispatchOptions;
  #tag = "";
  #name = "";
  /** What the current command is, if it is a custom one. */
  #definition: CommandDefinition | undefined;

  /** Creates one. */
  constructor(context: ConversationContext, options: CommandDispatchOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Takes a part of a command that isn't passed on; returns the state that follows. */
  take(frame: CommandStart | CommandLiteral | CommandEnd | BadCommand): AfterCommand {
    switch (frame.type) {
      case "start":
        this.#tag = frame.tag;
        this.#name = frame.name;
        this.#definition = this.#options.table.get(frame.name);
        return this.decide();
      case "literal":
        return this.#takeLiteral(frame);
      case "end":
        return this.#run(frame);
      case "bad":
        this.#context.mistake(frame, frame.reason);
        return "commands";
    }
  }

  /** Decides who answers the current command; called again if that had to wait. */
  decide(): AfterCommand {
    const tag = this.#tag;
    const name = this.#name;
    const { session, reader } = this.#context;
    const { gate } = this.#options;
    const isLoggedIn = session.user !== undefined;
    if (this.#definition !== undefined) {
      // It has the connection for itself, and earlier commands decide whether a mailbox is selected.
      if (gate !== undefined && gate.openCommands > 0) return "waiting";
      const why = whyNotAllowed(this.#definition, session);
      if (why !== undefined) return this.#refuse(why);
      reader.collect();
      return "commands";
    }
    const decision = isLoggedIn ? gate?.begin({ tag, name }) : undefined;
    if (decision === "hold") return "waiting";
    if (decision === "pass") return "passing";
    if (decision === "refuse" || !isOwnCommand(name, isLoggedIn)) {
      return this.#refuse("Unknown command");
    }
    reader.collect();
    return "commands";
  }

  /** Passes the current command through an archive. */
  archive(state: StateArchive): void {
    this.#tag = state.value(this.#tag);
    this.#name = state.value(this.#name);
    const name = state.value(this.#definition?.name);
    this.#definition = name === undefined ? undefined : this.#options.table.get(name);
  }

  /** Answers the current command BAD, and skips what is left of it. */
  #refuse(reason: string): AfterCommand {
    this.#context.reader.skipCommand();
    this.#context.mistake({ tag: this.#tag, name: this.#name }, reason);
    return "commands";
  }

  #takeLiteral({ size, isBinary, isSynchronizing }: CommandLiteral): AfterCommand {
    const { reader, output } = this.#context;
    if (this.#definition === undefined && (isBinary || !takesLiterals(this.#name))) {
      return this.#refuse("Unexpected literal");
    }
    if (size > reader.limits.command) return this.#refuse("Literal size too large");
    if (isSynchronizing) output.line("+ OK");
    reader.acceptLiteral();
    return "commands";
  }

  /** Runs the current command, which is whole. */
  #run({ args }: CommandEnd): AfterCommand {
    const tag = this.#tag;
    const name = this.#name;
    const { custom, login, ownId } = this.#options;
    const definition = this.#definition ?? (name === "IDLE" ? idle : undefined);
    if (definition !== undefined) {
      return custom.begin(tag, definition, args) ? "running" : "commands";
    }
    if (name === "LOGIN" || name === "AUTHENTICATE") {
      login.begin(tag, name, args);
      return login.state === "idle" ? "commands" : "login";
    }
    const outcome = answerOwnCommand(this.#context, { tag, name, args, ownId });
    return outcome === "logout" ? "closing" : outcome === "start-tls" ? "securing" : "commands";
  }
}
