/**
 * The commands that a conversation answers by itself.
 *
 * Source: RFC 9051, 6.1 to 6.3, and RFC 2971; texts as Dovecot's.
 *
 * @module
 */

import { readClientId } from "./id_command.ts";
import type { ConversationContext } from "./conversation_context.ts";
import type { ImapValue } from "./value.ts";

const beforeLogin = new Set(
  ["AUTHENTICATE", "CAPABILITY", "ENABLE", "ID", "LOGIN", "LOGOUT", "NOOP", "STARTTLS"],
);

const afterLogin = new Set(["CAPABILITY", "ENABLE", "ID", "IDLE", "LOGOUT", "NOOP"]);

/** Whether there is a built-in command of that name. */
export function isOwnCommand(name: string, isLoggedIn: boolean): boolean {
  return (isLoggedIn ? afterLogin : beforeLogin).has(name);
}

/** Whether an argument of a built-in command may be a literal. In all others it is a mistake. */
export function takesLiterals(name: string): boolean {
  return name === "LOGIN" || name === "ID";
}

/** A built-in command that was read. */
export interface OwnCommand {
  /** The client's tag. */
  readonly tag: string;
  /** The command's name, in capital letters. */
  readonly name: string;
  /** Its arguments. */
  readonly args: readonly ImapValue[];
  /** What ID answers. */
  readonly ownId: string;
}

/** What follows a built-in command that was answered. */
export type OwnOutcome = "next" | "logout" | "start-tls";

/** Answers one of CAPABILITY, ENABLE, ID, LOGOUT, NOOP and STARTTLS; returns what follows. */
export function answerOwnCommand(context: ConversationContext, command: OwnCommand): OwnOutcome {
  const { output, session, events } = context;
  const { tag, name } = command;
  const isLoggedIn = session.user !== undefined;
  switch (name) {
    case "CAPABILITY":
      session.hasAskedCapabilities = true;
      output.line(`* CAPABILITY ${session.capabilities.join(" ")}`);
      context.answer(tag, {
        status: "OK",
        text: isLoggedIn
          ? "Capability completed."
          : "Pre-login capabilities listed, post-login capabilities have more.",
      });
      return "next";
    case "ENABLE":
      // There is nothing to enable, which is no mistake (RFC 9051, 6.3.1).
      output.line("* ENABLED");
      context.answer(tag, {
        status: "OK",
        text: isLoggedIn ? "Enabled." : "ENABLE ignored in non-authenticated state.",
      });
      return "next";
    case "ID":
      answerId(context, command);
      return "next";
    case "LOGOUT":
      output.line("* BYE Logging out");
      context.answer(tag, { status: "OK", text: "Logout completed." });
      events.push({ type: "logout" });
      return "logout";
    case "STARTTLS":
      if (session.canStartTls) {
        context.answer(tag, { status: "OK", text: "Begin TLS negotiation now." });
        events.push({ type: "start-tls" });
        return "start-tls";
      }
      context.answer(tag, {
        status: "BAD",
        text: session.isSecure ? "TLS is already active." : "TLS support isn't enabled.",
      });
      return "next";
    default:
      context.answer(tag, { status: "OK", text: "NOOP completed." });
      return "next";
  }
}

function answerId(context: ConversationContext, { tag, args, ownId }: OwnCommand): void {
  const id = readClientId(args);
  if (id === undefined) {
    context.answer(tag, { status: "BAD", text: "Invalid ID parameters" });
    return;
  }
  context.session.clientId = id.fields;
  context.output.line(`* ID ${ownId}`);
  context.answer(tag, { status: "OK", text: "ID completed." });
  context.events.push({ type: "client-id", fields: id.fields });
}
