/**
 * Makes sure that Dovecot, which the tests run against, is installed.
 *
 * As a program (`deno run -A tests/dovecot/install.ts`) it installs what is missing and says what
 * it found.
 *
 * @module
 */

import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import process from "node:process";

/** A Dovecot that is installed on this machine. */
export interface DovecotInstallation {
  /** Path of the server. */
  readonly dovecot: string;
  /** Path of its command line client. */
  readonly doveadm: string;
  /** The server's version, as in "2.3.19.1". */
  readonly version: string;
}

/** What Debian and Ubuntu call the package that has `dovecot` and `doveadm`. */
const PACKAGE = "dovecot-core";

/**
 * Installs the package, run by `sh -euc` as root.
 *
 * Several test files may get here at once, each in a process of its own: flock makes them queue,
 * and lets go by itself when a process dies. It locks a folder that is there anyway, so that no
 * lock file is left behind.
 *
 * The package starts a system-wide server. A policy-rc.d that answers 101 forbids it. Where the
 * machine has such a file its word counts; else ours stands there while apt runs. Should this shell
 * be killed before it can remove the file, the file forbids nothing any more, because it asks
 * whether this shell lives, and the next installation replaces it.
 *
 * A failed update isn't the end: one broken package source, which fails it, need not be this
 * package's.
 */
export const INSTALL_SCRIPT: string = `
exec 9</var/lib/dpkg
flock 9
if command -v dovecot >/dev/null && command -v doveadm >/dev/null; then exit 0; fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ] || grep -q dovewire "$policy"; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  {
    echo '#!/bin/sh'
    echo '# Written by the tests of dovewire while they install a package.'
    echo "if kill -0 $$ 2>/dev/null; then exit 101; fi"
  } >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get -o DPkg::Lock::Timeout=120 update || true
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends ${PACKAGE} 9<&-
`;

const HOW_TO =
  `Install Dovecot 2.3 ("apt-get install ${PACKAGE}" as root on Debian 12 or Ubuntu, ` +
  `"dnf install dovecot" on Fedora) and run the tests again.`;

/** The folders to look for programs in: PATH's, and those that PATH lacks for ordinary users. */
function programFolders(): readonly string[] {
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...path, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
}

/**
 * Finds the installed Dovecot, or `undefined` when `dovecot` or `doveadm` is missing.
 *
 * Rejects when `dovecot --version` fails or says something that is no version.
 */
export async function findDovecot(
  folders: readonly string[] = programFolders(),
): Promise<DovecotInstallation | undefined> {
  const find = (name: string): string | undefined =>
    folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  const dovecot = find("dovecot");
  const doveadm = find("doveadm");
  if (dovecot === undefined || doveadm === undefined) return undefined;
  const output = await new Promise<string>((resolve, reject) => {
    execFile(dovecot, ["--version"], (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`Cannot run ${dovecot} --version: ${stderr || error.message}`));
    });
  });
  const version = /^\d+(\.\d+)+/.exec(output)?.[0];
  if (version === undefined) {
    throw new Error(`Cannot tell the version of ${dovecot}: it says ${JSON.stringify(output)}.`);
  }
  return { dovecot, doveadm, version };
}

/** Whether an os-release file is that of Debian, Ubuntu or a descendant. */
export function isDebianLike(osRelease: string): boolean {
  return osRelease.split("\n").some((line) => {
    const [, value] = /^ID(?:_LIKE)?=["']?([^"']*)["']?\s*$/.exec(line) ?? [];
    return value?.split(" ").some((id) => id === "debian" || id === "ubuntu") ?? false;
  });
}

/** Runs the installation; rejects with the end of what apt said. */
async function install(): Promise<void> {
  const osRelease = await readFile("/etc/os-release", "utf8").catch(() => "");
  if (!isDebianLike(osRelease)) {
    throw new Error(`Dovecot is not installed, and this is neither Debian nor Ubuntu. ${HOW_TO}`);
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`Dovecot is not installed, and only root can install it. ${HOW_TO}`);
  }
  console.error(`Installing ${PACKAGE} with apt-get.`);
  await new Promise<void>((resolve, reject) => {
    const child = spawn("sh", ["-euc", INSTALL_SCRIPT], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => output += chunk);
    child.stderr.on("data", (chunk) => output += chunk);
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status === 0) return resolve();
      const end = output.trimEnd().split("\n").slice(-20).join("\n");
      const how = signal ?? `exit status ${status}`;
      reject(new Error(`Installing ${PACKAGE} with apt-get failed (${how}). ${HOW_TO}\n${end}`));
    });
  });
}

/** Throws unless the version is one whose configuration the tests can write. */
export function checkVersion({ dovecot, version }: DovecotInstallation): void {
  if (/^2\.3\./.test(version)) return;
  throw new Error(
    `${dovecot} is version ${version}, and the tests need 2.3: ` +
      `they write its configuration, whose syntax is another one in other versions. ${HOW_TO}`,
  );
}

/** Waits while another process is installing: the programs are there before their users are. */
async function installationEnded(): Promise<void> {
  await new Promise<void>((resolve) => {
    // Where this fails, for want of the program or of the folder, nobody is installing either.
    execFile("flock", ["--shared", "/var/lib/dpkg", "true"], () => resolve());
  });
}

let ensured: Promise<void> | undefined;

/**
 * Makes sure that Dovecot 2.3 is installed.
 *
 * Installs it with apt on Debian and Ubuntu, as root, without starting a system-wide server.
 * Rejects with an error that says what to install where that can't be done, where it fails, and
 * where another version is installed.
 */
export function ensureDovecot(): Promise<void> {
  return ensured ??= ensure();
}

async function ensure(): Promise<void> {
  await installationEnded();
  if (await findDovecot() === undefined) await install();
  const installation = await findDovecot();
  if (installation === undefined) {
    throw new Error(
      `${PACKAGE} is installed, but dovecot or doveadm is not to be found. ${HOW_TO}`,
    );
  }
  checkVersion(installation);
}

if (import.meta.main) {
  await ensureDovecot();
  const installation = await findDovecot();
  console.log(`Dovecot ${installation?.version} in ${installation?.dovecot}`);
}
