/**
 * The search: a dialog, and an index that is loaded when it is first opened.
 *
 * @module
 */

import MiniSearch from "minisearch";

/** A row of the index: title, place, URL, text. */
type Row = readonly [string, string, string, string];

/** The number of results that are shown. */
const MOST = 40;

/** The search of a page. */
export class Search {
  readonly #root: string;
  readonly #dialog = document.createElement("dialog");
  readonly #input = document.createElement("input");
  readonly #results = document.createElement("ul");
  #index: MiniSearch<{ id: number; title: string; text: string; words: string }> | undefined;
  #rows: readonly Row[] = [];

  /** Creates it; `root` is the way from the page to the site's folder. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Makes the page's button and the key "/" open it. */
  start(): void {
    const button = document.querySelector<HTMLButtonElement>("[data-search]");
    if (button === null) return;
    this.#dialog.className = "results";
    Object.assign(this.#input, { type: "text", placeholder: "Search", autofocus: true });
    this.#input.setAttribute("aria-label", "Search");
    this.#dialog.append(this.#input, this.#results);
    document.body.append(this.#dialog);
    this.#input.addEventListener("input", () => this.#show());
    this.#dialog.addEventListener("keydown", (event) => this.#move(event));
    // A click beside it: the dialog itself has no padding.
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    // A result may be on this page.
    this.#results.addEventListener("click", () => this.#dialog.close());
    button.hidden = false;
    button.addEventListener("click", () => this.#open());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      this.#open();
    });
  }

  #open(): void {
    this.#dialog.showModal();
    this.#input.select();
    if (this.#index === undefined) this.#load();
  }

  /** Loads the index by a script: a page that was opened as a file can't fetch another one. */
  #load(): void {
    Object.assign(globalThis, { dovewireSearch: (rows: readonly Row[]) => this.#fill(rows) });
    const script = document.createElement("script");
    script.src = `${this.#root}search.js`;
    document.head.append(script);
  }

  #fill(rows: readonly Row[]): void {
    this.#rows = rows;
    this.#index = new MiniSearch({
      fields: ["title", "words", "text"],
      searchOptions: {
        boost: { title: 6, words: 2 },
        prefix: true,
        fuzzy: (term) => term.length > 4 ? 0.2 : false,
        combineWith: "AND",
        // A document tells more than a member of an interface.
        boostDocument: (id) => this.#rows[id][2].startsWith("api/") ? 1 : 2,
      },
    });
    this.#index.addAll(rows.map(([title, place, , text], id) => ({
      ...{ id, title, text },
      // "DoveadmHttp" is found by "http" as well.
      words: `${title.replace(/([a-z])([A-Z])/g, "$1 $2")} ${place}`,
    })));
    this.#show();
  }

  #show(): void {
    const query = this.#input.value.trim();
    const found = query === "" ? [] : this.#index?.search(query) ?? [];
    this.#results.replaceChildren(...found.slice(0, MOST).map(({ id }) => this.#item(id)));
    if (query !== "" && found.length === 0) {
      const item = document.createElement("li");
      item.textContent = this.#index === undefined ? "Loading …" : "Nothing found.";
      this.#results.append(item);
    }
  }

  #item(id: number): HTMLLIElement {
    const [title, place, url, text] = this.#rows[id];
    const link = document.createElement("a");
    link.href = this.#root + url;
    for (
      const [tag, content] of [
        ["b", title],
        ["small", place.replace(/^@dovewire\/dovewire\//, "")],
        ["span", text],
      ]
    ) {
      const element = document.createElement(tag);
      element.textContent = content.slice(0, 160);
      link.append(element);
    }
    const item = document.createElement("li");
    item.append(link);
    return item;
  }

  /** Moves through the results by the arrow keys. */
  #move(event: KeyboardEvent): void {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const links = [...this.#results.querySelectorAll("a")];
    if (event.key === "Enter" && event.target === this.#input) links[0]?.click();
    if (step === 0 || links.length === 0) return;
    event.preventDefault();
    const at = links.indexOf(document.activeElement as HTMLAnchorElement) + step;
    if (at < 0) this.#input.focus();
    else links[Math.min(at, links.length - 1)].focus();
  }
}
