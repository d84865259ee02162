/**
 * Decodes conversations for tests.
 *
 * @module
 */

import {
  ConversationDecoder,
  type ConversationDecoderOptions,
  type TraceItem,
  type TraceSide,
} from "../../../../core/doveadm/mod.ts";
import { toBytes } from "../byte_strings.ts";

/** What a side sends; `undefined` where it ends. */
export type Said = readonly [side: TraceSide, bytes: string | undefined];

/** The items of a conversation, whose bytes come in pieces of that size. */
export function decode(
  conversation: readonly Said[],
  { pieceSize = Infinity, ...options }: ConversationDecoderOptions & { pieceSize?: number } = {},
): readonly TraceItem[] {
  const decoder = new ConversationDecoder(options);
  const items: TraceItem[] = [];
  const take = (side: TraceSide) => {
    for (let item; (item = decoder.nextItem(side)) !== undefined;) items.push(item);
  };
  for (const [side, bytes] of conversation) {
    if (bytes === undefined) decoder.receiveEnd(side);
    else {
      for (let at = 0; at < bytes.length; at += pieceSize) {
        decoder.receive(side, toBytes(bytes.slice(at, at + pieceSize)));
        take(side);
      }
    }
    take(side);
  }
  for (const side of ["client", "server"] as const) {
    decoder.receiveEnd(side, false);
    take(side);
  }
  return items;
}

/** All ranges of a side's items, in their order, as the places where they begin and end. */
export function placesOf(items: readonly TraceItem[], side: TraceSide): readonly number[][] {
  return items.filter((item) => item.side === side)
    .flatMap(({ ranges }) => ranges.map(({ start, end }) => [start, end]))
    .sort(([one], [other]) => one - other);
}

/** The places of ranges that have all of `size` bytes, each in one of them. */
export function isComplete(places: readonly number[][], size: number): boolean {
  let at = 0;
  for (const [start, end] of places) {
    if (start !== at || end <= start) return false;
    at = end;
  }
  return at === size;
}

/** An item in short: who, what, and what it says. */
export function shortOf({ side, content, mistake }: TraceItem): string {
  const said = (() => {
    switch (content.type) {
      case "version":
      case "accepted":
        return `1.${content.minor}`;
      case "login":
        return content.username?.text ?? "?";
      case "command": {
        const { name, user, args, extraFields } = content.command;
        return [name, ...args, ...(user === undefined ? [] : [user]), ...extraFields]
          .map(({ text }) => text).join("|");
      }
      case "option":
        return content.options.map(({ text }) => text).join("|");
      case "input":
      case "log":
      case "bytes":
        return content.text?.text ?? "hidden";
      case "value":
        return `${content.row ?? "?"} ${content.column ?? "?"}=${content.text.text}`;
      case "reply":
        return (content.ok ? "+" : `-${content.code}`) + content.detail.text;
      case "frame":
        return JSON.stringify(content.frame);
      case "refused":
        return content.detail.text;
      default:
        return "";
    }
  })();
  return `${side} ${content.type} ${said}${mistake === undefined ? "" : ` ! ${mistake}`}`.trimEnd();
}
