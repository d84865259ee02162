/**
 * How a client logs in: LOGIN and AUTHENTICATE, up to the caller's verdict.
 *
 * @module
 */

import { plainBytes } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import { checkCapabilities } from "./advertised.ts";
import type { DataLine } from "./command_frame.ts";
import type { ConversationContext } from "./conversation_context.ts";
import type { Acceptance, Refusal } from "./conversation_events.ts";
import { authenticationFailed, LoginDialogue, type LoginStep, responseLimit } from "./login.ts";
import { checkText, taggedLine } from "./response_lines.ts";
import { checkUser } from "./session.ts";
import type { ImapValue } from "./value.ts";

/** The login of one client. */
export class LoginCommands {
  /** "idle": no login is under way; "line": the client's next line is a response; "verdict": the caller decides. */
  #state: "idle" | "line" | "verdict" = "idle";
  readonly #context: ConversationContext;
  readonly #dialogue = new LoginDialogue();
  #tag = "";
  #user = "";
  #id = 0;

  /** Creates one. */
  constructor(context: ConversationContext) {
    this.#context = context;
  }

  /** Where the login is. */
  get state(): "idle" | "line" | "verdict" {
    return this.#state;
  }

  /** The id of the login that waits for the verdict; `undefined` if none does. */
  get undecided(): number | undefined {
    return this.#state === "verdict" ? this.#id : undefined;
  }

  /** Begins with LOGIN or AUTHENTICATE. */
  begin(tag: string, name: string, args: readonly ImapValue[]): void {
    this.#tag = tag;
    if (!this.#context.session.canLogIn) {
      this.#context.answer(tag, {
        status: "NO",
        code: "PRIVACYREQUIRED",
        text: "Cleartext authentication disallowed on non-secure (SSL/TLS) connections.",
      });
      return;
    }
    const dialogue = this.#dialogue;
    const step = name === "LOGIN" ? dialogue.login(args) : dialogue.authenticate(args);
    if (step === undefined) this.#context.mistake({ tag, name }, "Invalid arguments");
    else this.#follow(step);
  }

  /** Takes the line that the client sent as its response. */
  takeLine(line: DataLine): void {
    this.#state = "idle";
    this.#follow(this.#dialogue.respond(line));
  }

  /** Accepts the client; returns whether it waited for that. */
  accept(id: number, { user, capabilities, text = "Logged in", answer }: Acceptance): boolean {
    checkText(text, "The text of a result", true);
    if (user !== undefined) checkUser(user);
    if (capabilities !== undefined) checkCapabilities(capabilities);
    const own = answer === undefined ? undefined : plainBytes(answer);
    if (!this.#mayDecide(id, "accept")) return false;
    this.#state = "idle";
    const { session, output } = this.#context;
    session.serverCapabilities = capabilities ?? session.serverCapabilities;
    this.#context.loggedIn(user ?? this.#user);
    const code = `CAPABILITY ${session.capabilities.join(" ")}`;
    if (own !== undefined) {
      output.lines(own);
    } else if (session.hasAskedCapabilities) {
      // As Dovecot does: a client that has asked may not read the code.
      output.line(`* ${code}`);
      output.line(taggedLine(this.#tag, { status: "OK", text }));
    } else {
      output.line(taggedLine(this.#tag, { status: "OK", text, code }));
    }
    return true;
  }

  /** Refuses the client; returns whether it waited for that. */
  refuse(id: number, { code, text, answer }: Refusal): boolean {
    const failed = authenticationFailed;
    const line = taggedLine(this.#tag, {
      status: "NO",
      code: code ?? failed.code,
      text: text ?? failed.text,
    });
    const own = answer === undefined ? undefined : plainBytes(answer);
    if (!this.#mayDecide(id, "refuse")) return false;
    this.#state = "idle";
    this.#context.forgetMistakes();
    if (own !== undefined) this.#context.output.lines(own);
    else this.#context.output.line(line);
    return true;
  }

  #follow(step: LoginStep): void {
    const { events, output, reader, session } = this.#context;
    if (step.type === "failed") {
      this.#context.answer(this.#tag, step.result);
    } else if (step.type === "challenge") {
      this.#state = "line";
      output.line(`+ ${step.text}`);
      reader.readLine(responseLimit);
    } else {
      const { mechanism, credentials } = step;
      this.#state = "verdict";
      this.#id = this.#context.nextId();
      this.#user = credentials.authzid || credentials.user;
      const { isSecure, hasAskedCapabilities } = session;
      events.push({
        type: "login",
        id: this.#id,
        tag: this.#tag,
        mechanism,
        ...credentials,
        isSecure,
        hasAskedCapabilities,
      });
    }
  }

  #mayDecide(id: number, call: string): boolean {
    if (id === this.#id && this.#state === "verdict") return true;
    throw new LocalProtocolError(
      id === this.#id && id > 0
        ? `${call}(${id}) was called for a login that was decided already.`
        : `${call}() answers a "login" event, and there was none with the id ${String(id)}.`,
    );
  }
}
