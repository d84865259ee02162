/**
 * Installs Debian's packages for the tests.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { runScript } from "./programs.ts";

/**
 * The part of {@linkcode INSTALL_SCRIPT} that calls apt.
 *
 * It updates the lists of packages only where they are missing or too old, since that takes longer than many an
 * installation. A failed update doesn't stop it: one broken package source fails it, but may not be the source
 * of these packages.
 */
export const APT_SCRIPT: string = `
apt() {
  # What a package starts must not hold the lock.
  apt-get -o DPkg::Lock::Timeout=120 -y --no-install-recommends "$@" 9<&-
}
if ! apt install "$@"; then
  apt update || true
  apt install "$@"
fi
`;

/**
 * Installs the packages that are its arguments, run by `sh -euc` as root.
 *
 * Several test files may get here at once, each in a process of its own: flock makes them wait in turn, and
 * releases the lock when a process dies. It locks an existing folder, so that no lock file remains.
 *
 * The packages start a system-wide server. A policy-rc.d that exits with 101 forbids it. If the machine has
 * such a file, that one decides; otherwise ours is there while apt runs. If this shell is killed before it
 * can remove the file, the file forbids nothing any more, because it checks whether this shell lives, and
 * the next installation replaces it.
 *
 * Then {@linkcode APT_SCRIPT} installs them.
 */
export const INSTALL_SCRIPT: string = `
exec 9</var/lib/dpkg
flock 9
missing=
for package; do
  status=$(dpkg-query -W -f '\${db:Status-Status}' "$package" 2>/dev/null) || status=
  [ "$status" = installed ] || missing=yes
done
[ "$missing" ] || exit 0
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
${APT_SCRIPT}`;

/** Whether an os-release file describes Debian, Ubuntu or a descendant. */
export function isDebianLike(osRelease: string): boolean {
  return osRelease.split("\n").some((line) => {
    const [, value] = /^ID(?:_LIKE)?=["']?([^"']*)["']?\s*$/.exec(line) ?? [];
    return value?.split(" ").some((id) => id === "debian" || id === "ubuntu") ?? false;
  });
}

/**
 * Installs the missing ones of some packages, without starting a server.
 *
 * Rejects if that is impossible or fails, with the end of apt's output. The message begins with what is
 * missing and ends with how to install it.
 */
export async function installPackages(
  packages: readonly string[],
  { missing, howTo }: { readonly missing: string; readonly howTo: string },
): Promise<void> {
  const osRelease = await readFile("/etc/os-release", "utf8").catch(() => "");
  if (!isDebianLike(osRelease)) {
    throw new Error(`${missing} is not installed, and this is neither Debian nor Ubuntu. ${howTo}`);
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`${missing} is not installed, and only root can install it. ${howTo}`);
  }
  const names = packages.join(", ");
  console.error(`Installing ${names} with apt-get.`);
  await runScript(INSTALL_SCRIPT, packages).catch((error: Error) => {
    throw new Error(
      `Installing ${names} with apt-get failed (${error.message}). ${howTo}\n${error.cause}`,
    );
  });
}

/** Waits while another process is installing: the programs exist before their users do. */
export async function installationEnded(): Promise<void> {
  await new Promise<void>((resolve) => {
    // If this fails because the program or the folder is missing, no process is installing either.
    execFile("flock", ["--shared", "/var/lib/dpkg", "true"], () => resolve());
  });
}
