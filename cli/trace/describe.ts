/**
 * Puts the pieces of a conversation into words, for text and for HTML.
 *
 * @module
 */

import { quoteText } from "@dovewire/dovewire/core";
import {
  exitCode,
  LOG_CHANNEL,
  MAIN_CHANNEL,
  type TraceContent,
  type TraceItem,
  type TraceText,
} from "@dovewire/dovewire/core/doveadm";

/** What a part of a description is: words of ours, a name, what a peer sent, or a note on that. */
export type PartKind = "words" | "name" | "peer" | "note";

/** A part of a description. */
export interface Part {
  readonly kind: PartKind;
  /** The text; what a peer sent may have control characters. */
  readonly text: string;
}

/** How a piece is shown. */
export type Tone = "handshake" | "command" | "value" | "good" | "bad" | "log" | "frame" | "other";

/** A piece in words. */
export interface Description {
  /** What it is, in a word. */
  readonly label: string;
  /** How it is shown. */
  readonly tone: Tone;
  /** The command that it belongs to. */
  readonly id: number | undefined;
  /** What it says. */
  readonly parts: readonly Part[];
}

/** How to see what TLS hides. */
const howToDecrypt =
  "To see it, let the client connect without TLS to dovewire trace --live LISTEN doveadms://HOST:PORT.";

/** Describes a piece. */
export function describe({ content, side }: TraceItem): Description {
  const id = "id" in content ? content.id : undefined;
  const made = (label: string, tone: Tone, ...parts: readonly Part[]) => ({
    ...{ label, tone, id, parts: parts.filter(({ text }) => text !== "") },
  });
  switch (content.type) {
    case "version":
      return made(
        "version",
        "handshake",
        content.minor === undefined
          ? note("none that is known")
          : words(side === "client" ? "the client offers" : "the server speaks"),
        name(content.minor === undefined ? "" : `1.${content.minor}`),
      );
    case "login":
      return made(
        "login",
        "handshake",
        words("as"),
        ...(content.username === undefined ? [note("?")] : textParts(content.username)),
        note("password concealed"),
      );
    case "start-tls":
      return made("starttls", "handshake", words("the client asks for TLS"));
    case "login-wanted":
      return made("login wanted", "handshake", words("the server asks for a password"));
    case "accepted":
      return made(
        "accepted",
        "good",
        words("the conversation has version"),
        name(`1.${content.minor}`),
        note(formatNote(content.minor)),
      );
    case "refused":
      return made(
        "refused",
        "bad",
        words("the server refuses the client"),
        ...textParts(content.detail),
      );
    case "option":
      return made("option", "handshake", ...content.options.flatMap(textParts));
    case "command":
      return made(`command ${content.id}`, "command", ...commandParts(content));
    case "input":
      return made(
        `input ${content.id}`,
        "command",
        ...textParts(content.text),
        ...(content.text.isCut ? [] : [note(`${bytesText(content.text.size)}`)]),
      );
    case "frame":
      return made(frameLabel(content.frame), "frame", words(frameText(content.frame)));
    case "value":
      return made(
        content.id === undefined ? "value" : `value ${content.id}`,
        "value",
        note(content.row === undefined ? "" : `row ${content.row}`),
        name(content.column ?? ""),
        ...textParts(content.text),
      );
    case "reply":
      return made(
        content.id === undefined ? "reply" : `reply ${content.id}`,
        content.ok ? "good" : "bad",
        ...replyParts(content),
      );
    case "log":
      return made("log", "log", name(content.level), ...textParts(content.text));
    case "encrypted":
      return made("tls", "other", words(howToDecrypt));
    case "bytes":
      return made(
        "bytes",
        "other",
        ...(content.text === undefined
          ? [note(`${bytesText(content.size)}, not shown`)]
          : textParts(content.text)),
      );
    case "end":
      return made("end", "other", words(`the ${side} sends no more`));
  }
}

function words(text: string): Part {
  return { kind: "words", text };
}

function name(text: string): Part {
  return { kind: "name", text };
}

function note(text: string): Part {
  return { kind: "note", text };
}

/** A peer's text; an empty one is in quotes. */
function textParts({ text, size, isCut }: TraceText): readonly Part[] {
  const shown = text === "" && !isCut ? '""' : text;
  const peer: Part = { kind: "peer", text: isCut ? `${shown}…` : shown };
  return isCut ? [peer, note(bytesText(size))] : [peer];
}

/** A word of a command line, in quotes if it isn't a plain one. */
function wordParts({ text, size, isCut }: TraceText): readonly Part[] {
  const shown = /^[^\s"'\\]+$/.test(text) ? text : quoteText(text, Infinity);
  const peer: Part = { kind: "peer", text: isCut ? `${shown}…` : shown };
  return isCut ? [peer, note(bytesText(size))] : [peer];
}

function commandParts({ command }: TraceContent & { readonly type: "command" }): readonly Part[] {
  const { name: called, user, verbosity, args, extraFields } = command;
  return [
    name(called.text || '""'),
    ...args.flatMap(wordParts),
    ...(user === undefined ? [] : [words("for"), ...wordParts(user)]),
    ...(verbosity === undefined ? [] : [note(verbosity === "debug" ? "with -D" : "with -v")]),
    ...(extraFields.length === 0 ? [] : [words("with"), ...extraFields.flatMap(wordParts)]),
  ];
}

function replyParts(
  { ok, code, detail, values }: TraceContent & { readonly type: "reply" },
): readonly Part[] {
  const count = values === 0 ? "no values" : values === 1 ? "1 value" : `${values} values`;
  const shown = detail.text === "" ? [] : textParts(detail);
  if (ok) return [name("+"), ...shown, note(count)];
  const meaning = code === ""
    ? "the server doesn't know the command"
    : `doveadm's exit code is ${exitCode(code)}`;
  return [name(`-${code}`), ...shown, note(`${count}; ${meaning}`)];
}

type Frame = (TraceContent & { readonly type: "frame" })["frame"];

function frameLabel({ type }: Frame): string {
  return type === "header" ? "stream" : type;
}

function frameText(frame: Frame): string {
  switch (frame.type) {
    case "packet":
      return `${channelText(frame.channel)}, ${bytesText(frame.size)}`;
    case "header":
      return "the header of the stream format";
    case "switch":
      return `to ${channelText(frame.channel)}`;
    case "escape":
      return "the byte 03";
  }
}

function channelText(channel: number): string {
  if (channel === MAIN_CHANNEL) return "replies";
  return channel === LOG_CHANNEL ? "log" : `channel ${channel}`;
}

function formatNote(minor: number): string {
  if (minor === 0) return "without channels: no log";
  return minor < 4 ? "replies and log come in packets" : "replies and log in the stream format";
}

/** A number of bytes in words. */
export function bytesText(size: number): string {
  return size === 1 ? "1 byte" : `${size} bytes`;
}
