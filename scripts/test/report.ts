/**
 * Reads the test reports of Deno, Node and Bun: JUnit's XML, in three dialects.
 *
 * @module
 */

import { isAbsolute, relative } from "node:path";
import { ROOT } from "./paths.ts";

/** A test in a report. */
export interface Test {
  /** Its name. */
  readonly name: string;
  /**
   * Path, from the project's folder, of the file of the test, or in Deno and Node of the file that called
   * `test()`; empty if the report doesn't have it.
   */
  readonly file: string;
  /** Its outcome. */
  readonly outcome: "passed" | "failed" | "skipped";
  /** Its duration in seconds. */
  readonly seconds: number;
}

/** Reads a report; returns `undefined` if there is none. */
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
    // Node has "file", absolute; Bun "file", relative; Deno "classname", with "./" before it. An old Node has
    // none.
    const path = [attribute("file"), attribute("classname")].find((it) => it.endsWith(".ts")) ?? "";
    const file = isAbsolute(path) ? relative(ROOT, path) : path.replace(/^\.\//, "");
    const name = attribute("name");
    const seconds = Number(attribute("time")) || 0;
    const outcome = /<(?:failure|error)[\s>/]/.test(body)
      ? "failed"
      : /<skipped[\s>/]/.test(body)
      ? "skipped"
      : "passed";
    // Node reports a file without a test as a passed test with the file's name.
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
