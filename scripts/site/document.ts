/**
 * Makes pages of Markdown documents.
 *
 * @module
 */

import GithubSlugger from "github-slugger";
import { Marked, Renderer, type Tokens } from "marked";
import { highlight } from "./highlight.ts";
import { escapeHtml, type Heading, type Page } from "./html.ts";
import { pageOfDocument } from "./navigation.ts";
import type { Section } from "./search_index.ts";

/** Where links of documents go to. */
export interface DocumentLinks {
  /** The URL for a link's target, as it is written in the document of that path. */
  resolve(document: string, target: string): string;
  /** The URL of what a piece of code names, of the API or of the repository, if it names anything. */
  resolveCode(document: string, code: string): string | undefined;
}

/** A document's page. */
export interface DocumentPage extends Page {
  /** Its parts, for the search. */
  readonly sections: readonly Section[];
}

/** The page of a Markdown document, whose path is from the project's folder. */
export function renderDocument(path: string, source: string, links: DocumentLinks): DocumentPage {
  const slugger = new GithubSlugger();
  const headings = new Map<Tokens.Generic, Heading>();
  // Inside of a link or a heading, code gets no link of its own.
  let plain = 0;
  const marked = new Marked({
    gfm: true,
    renderer: {
      heading(token: Tokens.Heading): string {
        const { tokens, depth } = token;
        const text = textOf(tokens);
        const id = slugger.slug(text);
        headings.set(token, { id, text, level: depth });
        plain++;
        const content = this.parser.parseInline(tokens);
        plain--;
        const anchor = `<a class="anchor" href="#${encodeURIComponent(id)}" aria-label="Link"></a>`;
        return `<h${depth} id="${escapeHtml(id)}">${content}${anchor}</h${depth}>\n`;
      },
      code({ text, lang = "" }: Tokens.Code): string {
        const code = highlight(text, lang.split(" ", 1)[0]);
        return `<pre tabindex="0"><code>${code}</code></pre>\n`;
      },
      codespan({ text }: Tokens.Codespan): string {
        const code = `<code>${breakable(text)}</code>`;
        const url = plain > 0 ? undefined : links.resolveCode(path, text);
        return url === undefined ? code : `<a href="${escapeHtml(url)}">${code}</a>`;
      },
      link({ href, tokens }: Tokens.Link): string {
        plain++;
        const content = this.parser.parseInline(tokens);
        plain--;
        return `<a href="${escapeHtml(links.resolve(path, href))}">${content}</a>`;
      },
      image({ href, text }: Tokens.Image): string {
        return `<img src="${escapeHtml(links.resolve(path, href))}" alt="${escapeHtml(text)}">`;
      },
      html({ text }: Tokens.HTML | Tokens.Tag): string {
        return escapeHtml(text);
      },
      table(token: Tokens.Table): string {
        const renderer = new Renderer();
        renderer.parser = this.parser;
        const table = renderer.table(token);
        return `<div class="table" tabindex="0">${table}</div>\n`;
      },
    },
  });
  const tokens = marked.lexer(source);
  const content = marked.parser(tokens);
  const all = [...headings.values()];
  const title = all.find(({ level }) => level === 1)?.text ?? path;
  const page = pageOfDocument(path);
  return {
    path: page,
    title,
    content,
    headings: all.filter(({ level }) => level === 2 || level === 3),
    sections: sectionsOf(tokens, headings).map(({ heading, text }) => ({
      title: heading.text,
      place: heading.text === title ? "" : title,
      url: heading.level === 1 ? page : `${page}#${encodeURIComponent(heading.id)}`,
      text,
    })),
  };
}

/** A document's text, cut at its headings. */
function sectionsOf(
  tokens: readonly Tokens.Generic[],
  headings: ReadonlyMap<Tokens.Generic, Heading>,
): readonly { readonly heading: Heading; readonly text: string }[] {
  const sections: { heading: Heading; text: string }[] = [];
  for (const token of tokens) {
    const heading = headings.get(token);
    if (heading !== undefined) {
      sections.push({ heading, text: "" });
    } else if (sections.length > 0) {
      sections.at(-1)!.text += `${token.raw} `;
    }
  }
  return sections.map(({ heading, text }) => ({
    heading,
    text: text.replace(/[`*|#\[\]]|\(\S+\)|-{3,}/g, " ").replace(/\s+/g, " ").trim(),
  }));
}

/** The text of a heading, without its marks. */
function textOf(tokens: readonly Tokens.Generic[]): string {
  return tokens.map((token) =>
    token.tokens === undefined ? unescapeHtml(String(token.text ?? "")) : textOf(token.tokens)
  ).join("");
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };

function unescapeHtml(text: string): string {
  return text.replace(/&(amp|lt|gt|quot);/g, (_, name: string) => ENTITIES[name]);
}

/** Code as HTML that may be broken after the characters that stand between words. */
export function breakable(code: string): string {
  return escapeHtml(code).replace(/[\/._:=,|](?=[^\s])|(?<=[a-z])(?=[A-Z])/g, "$&<wbr>");
}
