/**
 * Recorded conversations with the HTTP API of real servers.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";

/** The recorded servers. */
export const servers = ["2.3.19.1", "2.4.1", "main"] as const;

/** A request, or a response: the first line, headers in lower case, and the body as bytes. */
export interface Message {
  readonly start: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A conversation: requests, and the response to the first one, if there was any. */
export interface HttpRecording {
  readonly server: (typeof servers)[number];
  readonly name: string;
  readonly requests: readonly Message[];
  readonly response: Message | undefined;
}

/** The recordings of a server. */
export function recordingsOf(server: (typeof servers)[number]): HttpRecording[] {
  const lines = readFileSync(new URL(`recordings/${server}.jsonl`, import.meta.url), "utf8");
  return lines.trimEnd().split("\n").map((line) => {
    const { name, steps }: { name: string; steps: [string, string][] } = JSON.parse(line);
    const said = (side: string) =>
      Buffer.concat(
        steps.filter(([from]) => from === side).map(([, b64]) => Buffer.from(b64, "base64")),
      );
    const [response] = messagesIn(said("S"));
    return { server, name: name.replace("http-", ""), requests: messagesIn(said("C")), response };
  });
}

function messagesIn(bytes: Buffer): Message[] {
  const messages: Message[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const end = rest.indexOf("\r\n\r\n");
    // One of the requests is no HTTP.
    if (end === -1) break;
    const [start, ...lines] = rest.toString("latin1", 0, end).split("\r\n");
    const headers = lines.map((line): [string, string] => {
      const [name, value] = line.split(/: (.*)/);
      return [name.toLowerCase(), value];
    });
    const length = Number(headers.find(([name]) => name === "content-length")?.[1] ?? 0);
    const body = new Uint8Array(rest.subarray(end + 4, end + 4 + length));
    messages.push({ start, headers, body });
    rest = rest.subarray(end + 4 + length);
  }
  return messages;
}
