/**
 * The entries of the packages, read from the manifests: new ones are tested without being named here.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./project.ts";

/** The folders of the packages, in the project. */
const folders: Readonly<Record<string, string>> = {
  ...{ dovewire: ".", extractor: "extractor", fleet: "fleet", cli: "cli" },
};

/** What users import from packages: "@dovewire/dovewire/core", for example. */
export function entriesOf(...packages: readonly string[]): string[] {
  return packages.flatMap((name) => {
    const manifest = readFileSync(join(root, folders[name], "deno.json"), "utf8");
    return Object.keys(JSON.parse(manifest).exports).map((entry) =>
      `@dovewire/${name}${entry.slice(1)}`
    );
  });
}

/** Entries that need what browsers don't have: sockets of a runtime, files. */
const forServers = [
  "@dovewire/dovewire/transports/deno",
  "@dovewire/dovewire/transports/node",
  "@dovewire/dovewire/transports/bun",
  "@dovewire/dovewire/sweep",
  "@dovewire/dovewire/transports/handover",
  "@dovewire/extractor/server",
  "@dovewire/extractor/program",
  "@dovewire/fleet",
];

/** Whether an entry can be bundled for browsers. */
export function forBrowsers(entry: string): boolean {
  return !forServers.includes(entry);
}

/** Whether an entry is a program, which runs when it is imported. */
export function isProgram(entry: string): boolean {
  return entry.endsWith("/program") || entry === "@dovewire/cli";
}
