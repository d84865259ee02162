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
 * Installs the packages that are its arguments, run by `sh -euc` as root.
 *
 * Several test files may get here at once, each in a process of its own: flock makes them queue,
 * and lets go by itself when a process dies. It locks a folder that is there anyway, so that no
 * lock file is left behind.
 *
 * The packages start a system-wide server. A policy-rc.d that answers 101 forbids it. Where the
 * machine has such a file its word counts; else ours stands there while apt runs. Should this shell
 * be killed before it can remove the file, the file forbids nothing any more, because it asks
 * whether this shell lives, and the next installation replaces it.
 *
 * A failed update isn't the end: one broken package source, which fails it, need not be these
 * packages'.
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
apt-get -o DPkg::Lock::Timeout=120 update || true
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" 9<&-
`;

/** Whether an os-release file is that of Debian, Ubuntu or a descendant. */
export function isDebianLike(osRelease: string): boolean {
  return osRelease.split("\n").some((line) => {
    const [, value] = /^ID(?:_LIKE)?=["']?([^"']*)["']?\s*$/.exec(line) ?? [];
    return value?.split(" ").some((id) => id === "debian" || id === "ubuntu") ?? false;
  });
}

/**
 * Installs what is missing of some packages, without starting a server.
 *
 * Rejects where that can't be done, and with the end of what apt said where it fails. The message
 * starts with what is missing and ends with how to come by it.
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

/** Waits while another process is installing: the programs are there before their users are. */
export async function installationEnded(): Promise<void> {
  await new Promise<void>((resolve) => {
    // Where this fails, for want of the program or of the folder, nobody is installing either.
    execFile("flock", ["--shared", "/var/lib/dpkg", "true"], () => resolve());
  });
}
