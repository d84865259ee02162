/**
 * Saves the messages of an mbox file in a mailbox:
 *
 *     deno run --allow-read=old.mbox --allow-net=HOST import_mbox.ts old.mbox USER MAILBOX < url
 *
 * Standard input has the URL for `connect`, since other users of the machine see arguments.
 *
 * @module
 */

import { connect, type Doveadm } from "@dovewire/dovewire";
import { TextLineStream } from "@std/streams/text-line-stream";
import { toText } from "@std/streams/to-text";

/** What a client has to have to import with it. */
export type Saving = Pick<Doveadm, "run">;

/** Options for {@linkcode importMbox}. */
export interface ImportOptions {
  /** The user whose mailbox it is. */
  readonly user: string;
  /** The mailbox, which has to exist. */
  readonly mailbox: string;
  /** Called after each message, with the number of messages that are saved. */
  readonly onSaved?: (count: number) => void;
}

/**
 * Saves all messages of an mbox, one after another, so that their order stays; resolves to their number.
 * Rejects with the client's error for the first one that can't be saved: those before it are.
 */
export async function importMbox(
  doveadm: Saving,
  mbox: ReadableStream<Uint8Array>,
  { user, mailbox, onSaved }: ImportOptions,
): Promise<number> {
  let count = 0;
  for await (const file of messagesOf(mbox)) {
    await doveadm.run("save", { user, mailbox, file });
    count++;
    onSaved?.(count);
  }
  return count;
}

/** The messages of an mbox: a line that begins with "From ", after an empty one, is the start of one. */
export async function* messagesOf(
  mbox: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let lines: string[] | undefined;
  let isAfterEmpty = true;
  for await (const line of mbox.pipeThrough(bytesAsText()).pipeThrough(new TextLineStream())) {
    if (isAfterEmpty && line.startsWith("From ")) {
      if (lines !== undefined) yield messageOf(lines);
      lines = [];
    } else if (lines === undefined) {
      if (line !== "") throw new Error(`This is no mbox: it begins with ${JSON.stringify(line)}.`);
    } else {
      // A ">" protects lines of the text that begin like that one.
      lines.push(line.replace(/^>(>*From )/, "$1"));
    }
    isAfterEmpty = line === "";
  }
  if (lines !== undefined) yield messageOf(lines);
}

/** Text with a character for each byte: old messages have bytes that no charset explains. */
function bytesAsText(): TransformStream<Uint8Array, string> {
  return new TransformStream({
    transform(chunk, controller): void {
      let text = "";
      for (const byte of chunk) text += String.fromCharCode(byte);
      controller.enqueue(text);
    },
  });
}

/** The bytes of a message, without the empty line in front of the next one. */
function messageOf(lines: string[]): Uint8Array<ArrayBuffer> {
  if (lines.at(-1) === "") lines.pop();
  const text = lines.map((line) => `${line}\n`).join("");
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

if (import.meta.main) {
  const [path, user, mailbox] = Deno.args;
  if (mailbox === undefined) {
    console.error("Usage: import_mbox.ts FILE USER MAILBOX, with the URL in standard input");
    Deno.exit(2);
  }
  const url = (await toText(Deno.stdin.readable)).trim();
  await using doveadm = connect(url);
  const { readable } = await Deno.open(path);
  console.log(`${await importMbox(doveadm, readable, { user, mailbox })} messages are saved.`);
}
