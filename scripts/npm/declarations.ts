/**
 * Prepares type declarations for compilers whose libraries lack what the declarations name.
 *
 * JSR refuses such references, so that only the packages for npm have them.
 *
 * @module
 */

import { dirname, join, relative } from "node:path";

/** The name of the file that declares global types. */
const GLOBALS = "globals.d.ts";

/**
 * Global types of the web, with their parameters. Where neither the library "dom" nor `@types/node` declares
 * them, an empty interface does; where one does, an empty interface adds nothing to it.
 */
const WEB_TYPES = {
  AbortSignal: "",
  ReadableStream: "<R = any>",
  Request: "",
  Response: "",
  URL: "",
  WritableStream: "<W = any>",
} as const;

/** The type of the global `fetch`, also where nothing declares it. */
const FETCH = "typeof globalThis extends { fetch: infer Fetch } ? Fetch : never";

/**
 * Changes the declarations in a package's folder, so that they compile with the library "es2022" alone.
 */
export async function prepareDeclarations(folder: string): Promise<void> {
  const used = new Set<string>();
  for (const file of await filesIn(folder, ".d.ts")) {
    const source = await Deno.readTextFile(file);
    const path = relative(dirname(file), join(folder, GLOBALS));
    const types = typesIn(source);
    for (const type of types) used.add(type);
    const references = [
      ...(usesDisposables(source) ? ['/// <reference lib="esnext.disposable" />\n'] : []),
      ...(types.length > 0
        ? [`/// <reference path="${path.startsWith(".") ? path : `./${path}`}" />\n`]
        : []),
    ];
    let text = source.replaceAll(/\btypeof fetch\b/g, `(${FETCH})`);
    // Without an export it would be no module, and nobody could import it.
    if (!/^(import|export)\b/m.test(text)) text += "export {};\n";
    const changed = references.join("") + text;
    if (changed !== source) await Deno.writeTextFile(file, changed);
  }
  const interfaces = Object.entries(WEB_TYPES).filter(([name]) => used.has(name))
    .map(([name, parameters]) => `  interface ${name}${parameters} {}\n`);
  if (interfaces.length === 0) return;
  const text = `declare global {\n${interfaces.join("")}}\n\nexport {};\n`;
  await Deno.writeTextFile(join(folder, GLOBALS), text);
}

/** All files in a folder and below it whose names end like this. */
export async function filesIn(folder: string, suffix: string): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) files.push(...await filesIn(path, suffix));
    else if (name.endsWith(suffix)) files.push(path);
  }
  return files.sort();
}

function usesDisposables(source: string): boolean {
  return /\b(Async)?Disposable\b|\bSymbol\.(asyncDispose|dispose)\b/.test(codeOf(source));
}

function typesIn(source: string): readonly string[] {
  const code = codeOf(source);
  return Object.keys(WEB_TYPES).filter((name) => new RegExp(`\\b${name}\\b`).test(code));
}

/** A declaration file without its comments. */
function codeOf(source: string): string {
  return source.replaceAll(/\/\*.*?\*\/|^\s*\/\/.*$/gms, "");
}
