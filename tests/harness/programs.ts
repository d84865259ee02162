/**
 * Programs of Debian's that tests run; apt installs those that are missing.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { installationEnded, installPackages } from "./dovecot/apt.ts";

/** The programs, and the packages of Debian and Ubuntu that have them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  curl: ["curl"],
  fetchmail: ["fetchmail"],
  // Its PLAIN is a plugin of another package.
  mbsync: ["isync", "libsasl2-modules"],
  promtool: ["prometheus"],
  tmux: ["tmux"],
  python3: ["python3"],
  // With the loader and the C library that programs for arm64 need.
  "qemu-aarch64-static": ["qemu-user-static", "libc6-arm64-cross"],
  "redis-server": ["redis-server"],
};

const ensured = new Map<string, Promise<string>>();

/** Path of a program, which is installed first if it is missing. */
export function ensureProgram(name: string): Promise<string> {
  let ensuring = ensured.get(name);
  if (ensuring === undefined) ensured.set(name, ensuring = ensure(name));
  return ensuring;
}

async function ensure(name: string): Promise<string> {
  await installationEnded();
  const found = find(name);
  if (found !== undefined) return found;
  const packages = PACKAGES[name];
  const howTo =
    `Install it ("apt-get install ${packages.join(" ")}" as root on Debian or Ubuntu) ` +
    "and run the tests again.";
  await installPackages(packages, { missing: name, howTo });
  const installed = find(name);
  if (installed === undefined) {
    throw new Error(`${packages} is installed without ${name}. ${howTo}`);
  }
  return installed;
}

function find(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...folders, "/usr/bin"].map((folder) => join(folder, name)).find((it) => existsSync(it));
}
