/**
 * Makes sure that Dovecot 2.3, which most tests run against, is installed.
 *
 * As a program (`deno run -A tests/harness/dovecot/install.ts`) it installs what is missing, including
 * Dovecot 2.4, and prints what it found.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { installationEnded, installPackages } from "./apt.ts";
import { ensureDovecot24 } from "./image.ts";
import { output, versionOf } from "./programs.ts";

/** A Dovecot that is installed on this machine. */
export interface DovecotInstallation {
  /** Path of the server. */
  readonly dovecot: string;
  /** Path of its command line client. */
  readonly doveadm: string;
  /** The server's version, as in "2.3.19.1". */
  readonly version: string;
}

/** The packages of Debian and Ubuntu: the programs, IMAP, Sieve, and full text search. */
const PACKAGES = ["dovecot-core", "dovecot-imapd", "dovecot-sieve", "dovecot-lucene"];

/** Files of the packages after the first one, in Dovecot's folder of programs. */
const PARTS = [
  "imap",
  "modules/doveadm/lib10_doveadm_sieve_plugin.so",
  "modules/lib21_fts_lucene_plugin.so",
];

const HOW_TO =
  `Install Dovecot 2.3, its IMAP and its plugins for Sieve and Lucene ("apt-get install ` +
  `${PACKAGES.join(" ")}" as root on Debian 12 or Ubuntu) and run the tests again.`;

/** The folders to search for programs: PATH's, and those that PATH lacks for ordinary users. */
function programFolders(): readonly string[] {
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...path, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
}

/** Path of the first program of that name in the folders, or `undefined`. */
function findProgram(
  name: string,
  folders: readonly string[] = programFolders(),
): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * Finds the installed Dovecot, or `undefined` when `dovecot` or `doveadm` is missing.
 *
 * Rejects if `dovecot --version` fails or prints no version.
 */
export async function findDovecot(
  folders: readonly string[] = programFolders(),
): Promise<DovecotInstallation | undefined> {
  const dovecot = findProgram("dovecot", folders);
  const doveadm = findProgram("doveadm", folders);
  if (dovecot === undefined || doveadm === undefined) return undefined;
  return { dovecot, doveadm, version: await versionOf(dovecot) };
}

/** The parts that are missing. */
async function missingParts(): Promise<readonly string[]> {
  const doveconf = findProgram("doveconf");
  if (doveconf === undefined) return PARTS;
  // The default: the system-wide configuration may be unreadable.
  const folder = await output(doveconf, "-d", "-h", "libexec_dir");
  return PARTS.filter((part) => !existsSync(join(folder, part)));
}

/** Throws unless the tests can write that version's configuration. */
export function checkVersion({ dovecot, version }: DovecotInstallation): void {
  if (/^2\.3\./.test(version)) return;
  throw new Error(
    `${dovecot} is version ${version}, and the tests need 2.3: ` +
      `they write its configuration, whose syntax differs between versions. ${HOW_TO}`,
  );
}

let ensured: Promise<void> | undefined;

/**
 * Makes sure that Dovecot 2.3 is installed, with its IMAP and its plugins for Sieve and Lucene.
 *
 * Installs it with apt on Debian and Ubuntu, as root, without starting a system-wide server. Rejects with an
 * error that says what to install if that is impossible or fails, or if another version is installed.
 */
export function ensureDovecot(): Promise<void> {
  return ensured ??= ensure();
}

async function ensure(): Promise<void> {
  await installationEnded();
  const found = await findDovecot();
  // An unsupported version gets no parts installed either.
  if (found !== undefined) checkVersion(found);
  const parts = await missingParts();
  if (found === undefined || parts.length > 0) {
    const missing = found === undefined ? "Dovecot" : `Dovecot's ${parts.join(" and ")}`;
    await installPackages(PACKAGES, { missing, howTo: HOW_TO });
  }
  const installation = await findDovecot();
  const left = await missingParts();
  if (installation === undefined || left.length > 0) {
    throw new Error(
      `${PACKAGES.join(", ")} are installed, but ` +
        `${installation === undefined ? "dovecot or doveadm" : left.join(", ")} ` +
        `is missing. ${HOW_TO}`,
    );
  }
  checkVersion(installation);
}

if (import.meta.main) {
  await ensureDovecot();
  const installation = await findDovecot();
  console.log(`Dovecot ${installation?.version} in ${installation?.dovecot}`);
  const image = await ensureDovecot24();
  console.log(`Dovecot ${image.version} in ${image.root}${image.dovecot}`);
}
