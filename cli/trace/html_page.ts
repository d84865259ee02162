/**
 * Traced conversations as one page of HTML, without scripts and without anything from elsewhere.
 *
 * @module
 */

import { escapeControls } from "@dovewire/dovewire/core";
import type { TraceItem } from "@dovewire/dovewire/core/doveadm";
import type { Entry, Summary } from "./conversations.ts";
import { bytesText, describe, type Part } from "./describe.ts";
import { style } from "./html_style.ts";
import { elapsedText, summaryText } from "./text_trace.ts";

/** The most pieces on a page: browsers take long for more. */
const mostItems = 20_000;

/** The most mistakes in the list at the page's top. */
const mostListed = 20;

/** A command, or the pieces before and after all commands. */
interface Card {
  readonly id: number | undefined;
  readonly title: string;
  /** Where the command's line is. */
  readonly place: string;
  readonly rows: string[];
  badge: string;
}

/** A conversation on the page. */
interface Chapter {
  readonly connection: number;
  readonly name: string;
  readonly time: Date | undefined;
  readonly cards: Card[];
  readonly byId: Map<number, Card>;
  /** The commands without a reply, oldest first, from `first` on. */
  readonly running: number[];
  first: number;
  row: number | undefined;
  summary: Summary | undefined;
}

/** Collects entries for a page. */
export class HtmlPage {
  readonly #title: string;
  readonly #chapters: Chapter[] = [];
  readonly #open = new Map<number, Chapter>();
  readonly #mistakes: { readonly anchor: string; readonly text: string }[] = [];
  readonly #totals = { items: 0, commands: 0, mistakes: 0, bytes: 0, conversations: 0 };

  /** Begins a page with that title. */
  constructor(title: string) {
    this.#title = title;
  }

  /** Adds an entry; those that are too many are only counted. */
  add(entry: Entry): void {
    const totals = this.#totals;
    switch (entry.type) {
      case "open": {
        totals.conversations++;
        if (totals.items >= mostItems) return;
        // An empty conversation takes room as well.
        totals.items++;
        const { connection, name, time } = entry;
        const chapter: Chapter = {
          ...{ connection, name, time, cards: [], byId: new Map(), running: [], first: 0 },
          ...{ row: undefined, summary: undefined },
        };
        this.#chapters.push(chapter);
        this.#open.set(connection, chapter);
        return;
      }
      case "item": {
        if (entry.item.mistake !== undefined) totals.mistakes++;
        if (entry.item.content.type === "command") totals.commands++;
        for (const { start, end } of entry.item.ranges) totals.bytes += end - start;
        const chapter = this.#open.get(entry.connection);
        if (++totals.items > mostItems || chapter === undefined) return;
        this.#item(chapter, entry.item, entry.elapsed);
        return;
      }
      case "close": {
        const chapter = this.#open.get(entry.connection);
        if (chapter !== undefined) chapter.summary = entry.summary;
        this.#open.delete(entry.connection);
      }
    }
  }

  /** The page. */
  toString(): string {
    const { items, commands, mistakes, bytes, conversations } = this.#totals;
    const facts: readonly (readonly [count: number, name: string, isBad?: boolean])[] = [
      [conversations, conversations === 1 ? "conversation" : "conversations"],
      [commands, commands === 1 ? "command" : "commands"],
      [bytes, bytes === 1 ? "byte" : "bytes"],
      [mistakes, mistakes === 1 ? "mistake" : "mistakes", mistakes > 0],
    ];
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(this.#title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeHtml(this.#title)}</h1>
<dl class="facts">${
      facts.map(([count, name, isBad]) =>
        `<div${isBad ? ' class="bad"' : ""}><dt>${name}</dt><dd>${
          count.toLocaleString("en")
        }</dd></div>`
      ).join("")
    }</dl>
<div class="switches">
<span class="key client">client</span><span class="key server">server</span>
<label><input type="checkbox" id="frames" checked>channels</label>
<label><input type="checkbox" id="logs" checked>log</label>
<label><input type="checkbox" id="places" checked>positions</label>
</div>
${this.#mistakeList()}<main>
${this.#chapters.map((chapter) => chapterHtml(chapter)).join("")}</main>
${
      items > mostItems
        ? `<p class="more">${
          (items - mostItems).toLocaleString("en")
        } more pieces are not on this page.</p>\n`
        : ""
    }<footer>Made by dovewire trace. Passwords are concealed.</footer>
</body>
</html>
`;
  }

  #mistakeList(): string {
    if (this.#mistakes.length === 0) return "";
    const left = this.#totals.mistakes - this.#mistakes.length;
    const more = left > 0 ? `<li>… and ${left} more</li>` : "";
    return `<section class="mistakes"><h2>What breaks the protocol</h2><ol>${
      this.#mistakes.map(({ anchor, text }) => `<li><a href="#${anchor}">${text}</a></li>`).join("")
    }${more}</ol></section>\n`;
  }

  #item(chapter: Chapter, item: TraceItem, elapsed: number | undefined): void {
    const { content } = item;
    const { tone, parts } = describe(item);
    const card = cardFor(chapter, item, elapsed);
    // The card's head has the rest of it.
    if (content.type === "command" && item.mistake === undefined) return;
    const anchor = item.mistake === undefined ? undefined : this.#anchor(chapter, item.mistake);
    if (content.type === "reply") {
      const [status] = parts;
      card.badge = `<span class="badge ${tone}">${escapeHtml(status.text)}</span>`;
      if (content.id !== undefined) {
        // Replies come in the order of the commands.
        chapter.first++;
      }
    }
    const isFirst = content.type === "value" && content.row !== undefined &&
      content.row !== chapter.row;
    if (content.type === "value") chapter.row = content.row;
    else if (content.type !== "frame" && content.type !== "log") chapter.row = undefined;
    const classes = [
      ...["row", item.side, tone],
      ...(isFirst || content.type === "reply" ? ["first"] : []),
      ...(item.mistake === undefined ? [] : ["has-mistake"]),
    ];
    card.rows.push(
      `<li class="${classes.join(" ")}"${anchor === undefined ? "" : ` id="${anchor}"`}>` +
        `${placeHtml(item, chapter.time === undefined ? undefined : elapsed)}` +
        `<span class="label">${labelHtml(item, isFirst)}</span>` +
        `<span class="content">${contentHtml(item, parts)}</span></li>\n`,
    );
  }

  /** The anchor of a mistake that is in the list at the top. */
  #anchor({ connection }: Chapter, mistake: string): string | undefined {
    if (this.#mistakes.length === mostListed) return undefined;
    const anchor = `mistake-${this.#mistakes.length + 1}`;
    this.#mistakes.push({ anchor, text: escapeHtml(`Conversation ${connection}: ${mistake}`) });
    return anchor;
  }
}

/** The card that a piece goes to. */
function cardFor(chapter: Chapter, item: TraceItem, elapsed: number | undefined): Card {
  const { content } = item;
  if (content.type === "command") {
    chapter.running.push(content.id);
    const { parts } = describe(item);
    const title = `<span class="number">${content.id}</span>${partsHtml(parts)}`;
    const badge = '<span class="badge">no reply</span>';
    const place = placeHtml(item, chapter.time === undefined ? undefined : elapsed);
    return addCard(chapter, { id: content.id, title, place, rows: [], badge });
  }
  const id = "id" in content ? content.id : undefined;
  const running = chapter.running.at(chapter.first);
  const known = id ?? (item.side === "server" && content.type !== "end" ? running : undefined);
  const found = known === undefined ? undefined : chapter.byId.get(known);
  if (found !== undefined) return found;
  if (content.type === "end") {
    const last = chapter.cards.at(-1);
    if (last?.title === "End") return last;
    return addCard(chapter, { id: undefined, title: "End", place: "", rows: [], badge: "" });
  }
  const last = chapter.cards.at(-1);
  if (last !== undefined) return last;
  return addCard(chapter, { id: undefined, title: "Handshake", place: "", rows: [], badge: "" });
}

function addCard(chapter: Chapter, card: Card): Card {
  chapter.cards.push(card);
  if (card.id !== undefined) chapter.byId.set(card.id, card);
  return card;
}

function chapterHtml({ connection, name, time, cards, summary }: Chapter): string {
  const when = time === undefined ? "" : `<small>${time.toISOString()}</small>`;
  const title = name === "" ? "" : `: ${escapeHtml(name)}`;
  return `<section${time === undefined ? "" : ' class="timed"'}>
<h2>Conversation ${connection}${title}${when}</h2>
${
    cards.map(({ title, place, badge, rows }) =>
      `<article><header>${place}<h3>${title}</h3>${badge}</header><ol>\n${
        rows.join("")
      }</ol></article>\n`
    ).join("")
  }${
    summary === undefined ? "" : `<p class="end-line">${escapeHtml(summaryText(summary))}</p>\n`
  }</section>
`;
}

function placeHtml({ ranges, side }: TraceItem, elapsed: number | undefined): string {
  const size = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  const time = elapsed === undefined ? "" : `<span class="time">${elapsedText(elapsed)}</span>`;
  const all = ranges.length <= 20
    ? ranges.map(({ start, end }) => `${start} to ${end - 1}`).join(", ")
    : `${ranges[0].start} to ${ranges.at(-1)!.end - 1}, in ${ranges.length} parts`;
  const title = size === 0 ? "" : ` title="${side}: ${bytesText(size)}, ${all}"`;
  return `<span class="place"${title}>${time}<span class="at">${ranges[0]?.start ?? ""}</span>` +
    `<span class="size">${size === 0 ? "" : `+${size}`}</span></span>`;
}

function labelHtml(item: TraceItem, isFirst: boolean): string {
  const { content } = item;
  if (content.type === "value") {
    const nth = `<span class="nth">${isFirst ? content.row : ""}</span>`;
    return nth +
      (content.column === undefined
        ? "value"
        : `<span class="column">${escapeHtml(content.column)}</span>`);
  }
  // The card has the number already.
  return escapeHtml(describe(item).label.replace(/ \d+$/, ""));
}

function contentHtml(
  { content, ranges, mistake, remark }: TraceItem,
  parts: readonly Part[],
): string {
  // The card's head has the command, and the label the column.
  const shown = content.type === "command"
    ? []
    : content.type === "value"
    ? parts.filter(({ kind }) => kind !== "name")
    : parts;
  const own = content.type === "value" && content.row !== undefined
    ? shown.filter(({ text }) => text !== `row ${content.row}`)
    : shown;
  return partsHtml(own) +
    (ranges.length > 1 ? ` <span class="note">in ${ranges.length} parts</span>` : "") +
    (mistake === undefined ? "" : `<span class="mistake">${escapeHtml(mistake)}</span>`) +
    (remark === undefined ? "" : `<span class="remark">${escapeHtml(remark)}</span>`);
}

function partsHtml(parts: readonly Part[]): string {
  return parts.map(({ kind, text }) => `<span class="${kind}">${linesHtml(text)}</span>`).join(" ");
}

/** A text with its line ends, which are shown as well. */
function linesHtml(text: string): string {
  return text.split(/(\r?\n)/).map((piece, at) =>
    at % 2 === 0
      ? escapeHtml(piece)
      : `<span class="line-end">${piece === "\n" ? "\\n" : "\\r\\n"}</span>\n`
  ).join("");
}

/** A text for HTML, between tags or in the quotes of an attribute. */
export function escapeHtml(text: string): string {
  return escapeControls(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
