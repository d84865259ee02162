/**
 * Results as a chart: a point for each way on each runtime, with the quartiles as a line.
 *
 * @module
 */

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { BenchResult } from "../harness/results.ts";
import { RUNTIME_NAMES, shownRatio } from "./tables.ts";

/** A point of the chart. */
interface Point {
  readonly what: string;
  readonly runtime: string;
  readonly ratio: number;
  readonly q1: number;
  readonly q3: number;
}

/** Colours that can be told apart on a light and on a dark background, also by the colour-blind. */
const COLORS = { Deno: "#3b9c8f", Node: "#c08a1e", Bun: "#b0619f" };

/** Colours of the text follow the reader's: a picture in a page knows only what the system prefers. */
const STYLE = `
  svg { color: #24292f; font-family: system-ui, sans-serif; font-size: 12px; }
  @media (prefers-color-scheme: dark) { svg { color: #e6edf3; } }
`;

const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1_000, 10_000];

/** The chart of a bench as SVG; `undefined` if it compares nothing. */
export function chartOf({ title, runs }: BenchResult): string | undefined {
  const points = runs.flatMap(({ runtime, comparisons }) =>
    comparisons.flatMap(({ name, ways }) =>
      ways.slice(1).map(({ way, ratio, ratios: { q1, q3 } }): Point => ({
        ...{ what: `${name}: ${way}`, runtime: RUNTIME_NAMES[runtime], ratio, q1, q3 },
      }))
    )
  );
  if (points.length === 0) return undefined;
  const names = [...new Set(points.map(({ what }) => what))];
  const lengths = names.map(({ length }) => length);
  const values = points.flatMap(({ q1, q3, ratio }) => [q1, q3, ratio, 1]);
  const domain = [Math.min(...values) / 1.1, Math.max(...values) * 1.1];
  const ticks = TICKS.filter((tick) => tick >= domain[0] && tick <= domain[1]);
  const { document } = parseHTML("<!DOCTYPE html><html><body></body></html>");
  const shared = { y: "runtime", fy: "what" } as const;
  const svg = Plot.plot({
    document: document as unknown as Document,
    ...{ width: 860, height: 70 + names.length * 36 },
    ...{ marginLeft: 20 + 6.3 * Math.max(...lengths), marginRight: 70, marginBottom: 40 },
    x: {
      ...{ type: "log", domain, ticks, tickFormat: (tick: number) => tick.toLocaleString("en") },
      ...{ label: "times the rate of the first way (1 is as fast) →", labelAnchor: "center" },
    },
    y: { axis: null, domain: Object.keys(COLORS) },
    fy: { domain: names, label: null, axis: "left", padding: 0.15 },
    color: { domain: Object.keys(COLORS), range: Object.values(COLORS) },
    marks: [
      Plot.gridX(ticks, { stroke: "currentColor", strokeOpacity: 0.12 }),
      Plot.ruleX([1], { stroke: "currentColor", strokeOpacity: 0.7 }),
      Plot.ruleY(points, { ...shared, x1: "q1", x2: "q3", stroke: "runtime", strokeWidth: 2 }),
      Plot.dot(points, { ...shared, x: "ratio", r: 3.5, fill: "runtime" }),
      Plot.text(points, {
        ...{ ...shared, x: ({ q3, ratio }: Point) => Math.max(q3, ratio), dx: 7 },
        ...{ text: ({ runtime, ratio }: Point) => `${shownRatio(ratio)} ${runtime}` },
        ...{ textAnchor: "start", fill: "currentColor", fontSize: 9 },
      }),
    ],
  });
  return standAlone(document as unknown as Document, { svg, title });
}

/** The text of an SVG file that is shown by itself. */
function standAlone(
  document: Document,
  { svg, title }: { readonly svg: Element; readonly title: string },
): string {
  const name = document.createElementNS("http://www.w3.org/2000/svg", "title");
  name.textContent = title;
  svg.prepend(name);
  const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
  style.textContent = STYLE;
  svg.append(style);
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg.outerHTML}\n`;
}
