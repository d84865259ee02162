/**
 * Reads the reports that Deno, Node and Bun write of their tests: JUnit's XML, in three dialects.
 *
 * @module
 */

import { isAbsolute, relative } from "node:path";
import { ROOT } from "./paths.ts";

/** A test as a report tells it. */
export interface Test {
  /** Its name. */
  readonly name: string;
  /**
   * Path, from the project's folder, of the file that has the test, or in Deno and Node of the one
   * that called `test()` for it; empty when the report doesn't tell.
   */
  readonly file: string;
  /** What became of it. */
  readonly outcome: "passed" | "failed" | "skipped";
  /** How long it took, in seconds. */
  readonly seconds: number;
}

/** Reads a report; `undefined` where there is none. */
export async function readReport(path: string): Promise<readonly Test[] | undefined> {
  const xml = await Deno.readTextFile(path).catch(() => undefined);
  return xml === undefined ? undefined : parseReport(xml);
}

/** The tests of a report. */
export function parseReport(xml: string): readonly Test[] {
  const tests: Test[] = [];
  const testcase = /<testcase((?:\s+[\w:]+="[^"]*")*)\s*(?:\/>|>([^]*?)<\/testcase>)/g;
  for (const [, attributes, body = ""] of xml.matchAll(testcase)) {
    const attribute = (name: string) =>
      decodeReferences(new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    // Node says "file", absolute; Bun "file", relative; Deno "classname", with "./" ahead. An old
    // Node says nothing.
    const path = [attribute("file"), attribute("classname")].find((it) => it.endsWith(".ts")) ?? "";
    const file = isAbsolute(path) ? relative(ROOT, path) : path.replace(/^\.\//, "");
    const name = attribute("name");
    const seconds = Number(attribute("time")) || 0;
    const outcome = /<(?:failure|error)[\s>/]/.test(body)
      ? "failed"
      : /<skipped[\s>/]/.test(body)
      ? "skipped"
      : "passed";
    // A file without a test passes in Node as a test that is named for it.
    if (/_test\.[jt]s$/.test(name) && body === "") {
      tests.push({ name: "has no test", file, outcome: "failed", seconds });
    } else {
      tests.push({ name, file, outcome, seconds });
    }
  }
  return tests;
}

/** Replaces XML's references; "&amp;" first, since Node escapes quotes twice. */
function decodeReferences(text: string): string {
  return text.replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"').replaceAll("&apos;", "'")
    .replaceAll(
      /&#(x?)([\da-f]+);/gi,
      (_, x, code) => String.fromCodePoint(parseInt(code, x ? 16 : 10)),
    );
}
