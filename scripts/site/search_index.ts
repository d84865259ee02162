/**
 * What the search in the site finds.
 *
 * @module
 */

/** A part of a page that the search finds. */
export interface Section {
  readonly title: string;
  /** The document or the entry point that it is in. */
  readonly place: string;
  /** Its URL, from the site's folder. */
  readonly url: string;
  readonly text: string;
}

/** A script that hands the sections to the search: pages in a folder can't read other files. */
export function searchScript(sections: readonly Section[]): string {
  const rows = sections.map(({ title, place, url, text }) => [title, place, url, text]);
  // In a script these would end a line.
  const json = JSON.stringify(rows).replace(/[\u2028\u2029]/g, " ");
  return `dovewireSearch(${json});\n`;
}
