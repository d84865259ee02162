/**
 * Sends a request over HTTP byte by byte as a test has it, and reads the response.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect } from "node:net";

/** A response. */
export interface HttpResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/**
 * Sends the bytes of one request to a port of 127.0.0.1. Resolves to the response, or to `undefined` if the
 * connection is closed before all of one has arrived.
 *
 * The connection is never reused, and no request is sent twice.
 */
export async function exchange(
  port: number,
  request: string | Uint8Array,
): Promise<HttpResponse | undefined> {
  const socket = connect({ host: "127.0.0.1", port });
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    return await new Promise((resolve) => {
      // A server that breaks off may reset the connection.
      socket.on("error", () => {});
      socket.on("data", (piece: Buffer) => {
        pieces.push(piece);
        size += piece.length;
        // The end of the connection shows the end of a long response as well.
        const response = size < 65_536 ? responseIn(Buffer.concat(pieces)) : undefined;
        if (response !== undefined) resolve(response);
      });
      socket.on("close", () => resolve(responseIn(Buffer.concat(pieces))));
      socket.write(request);
    });
  } finally {
    socket.destroy();
  }
}

/** The response in bytes; `undefined` if it isn't complete. */
function responseIn(bytes: Buffer): HttpResponse | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [start, ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const [, status, reason] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(start) ?? [];
  if (status === undefined) throw new Error(`This is no response: ${JSON.stringify(start)}`);
  const rest = bytes.subarray(end + 4);
  if (status === "100") return responseIn(rest);
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const body = bodyIn(rest, headers);
  if (body === undefined) return undefined;
  // deepEqual would distinguish a Buffer from a Uint8Array.
  return { status: Number(status), reason, headers, body: new Uint8Array(body) };
}

function bodyIn(bytes: Buffer, headers: Headers): Buffer | undefined {
  if (headers.get("transfer-encoding") === "chunked") return joinedChunks(bytes);
  const length = Number(headers.get("content-length") ?? 0);
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

function joinedChunks(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0;;) {
    const end = bytes.indexOf("\r\n", at);
    if (end === -1) return undefined;
    const length = parseInt(bytes.toString("latin1", at, end), 16);
    at = end + 2 + length + 2;
    if (at > bytes.length) return undefined;
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(end + 2, at - 2));
  }
}
