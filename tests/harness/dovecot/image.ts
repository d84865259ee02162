/**
 * Provides a Dovecot 2.4 in addition to the installed 2.3, in an image of Debian 13.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { installPackages } from "./apt.ts";
import { runScript, versionOf } from "./programs.ts";

/** A Dovecot in an image, a folder to chroot to. */
export interface DovecotImage {
  /** Path of the image. */
  readonly root: string;
  /** Path of the server inside of the image. */
  readonly dovecot: string;
  /** The server's version, as in "2.4.1". */
  readonly version: string;
}

/** Debian 13, whose Dovecot is 2.4.1. */
const SUITE = "trixie";

const PACKAGES = ["dovecot-core", "dovecot-imapd", "dovecot-sieve", "dovecot-flatcurve"];

const CACHE = fileURLToPath(new URL("../../../.cache", import.meta.url));

/** Path of the image. */
export const IMAGE: string = join(CACHE, "dovecot-2.4");

/** The mark of a complete image in {@linkcode MARK_FILE}. An image with another mark is replaced. */
const MARK = `1 ${SUITE} ${PACKAGES.join(" ")}`;
const MARK_FILE = "etc/dovewire-image";

const DOVECOT = "/usr/sbin/dovecot";

/**
 * Creates the image, run by `sh -euc` as root with the cache folder, the image's path, its mark, the suite
 * and the packages, separated by commas.
 *
 * Several test files may get here at once: flock makes them wait in turn, and the image appears complete or
 * not at all. The next run removes what a killed run left; in its own mount namespace debootstrap leaves no
 * mounts, which would make that dangerous.
 *
 * It uses apt's mirror of Debian's packages, or debootstrap's default.
 */
export const IMAGE_SCRIPT: string = `
cache=$1 image=$2 mark=$3 suite=$4 packages=$5
exec 9<"$cache"
flock 9
if [ "$(cat "$image/${MARK_FILE}" 2>/dev/null)" = "$mark" ]; then exit 0; fi
rm -rf --one-file-system "$image.part" "$image.old"
mirror=$(
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null |
    grep -E '^https?://' | head -n 1
) || mirror=
proxy=$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null) || proxy=
eval "$proxy"
[ -z "$proxy" ] || export http_proxy="$proxy"
alone=
if unshare --mount true 2>/dev/null; then alone='unshare --mount'; fi
# Nobody needs what a power failure would take from it.
export DPKG_FORCE=unsafe-io
$alone debootstrap --variant=minbase --include="$packages" "$suite" "$image.part" $mirror
cd "$image.part"
rm -rf var/cache/apt var/lib/apt/lists usr/share/doc usr/share/info usr/share/locale usr/share/man
echo "$mark" >${MARK_FILE}
if [ -e "$image" ]; then mv "$image" "$image.old"; fi
mv "$image.part" "$image"
rm -rf --one-file-system "$image.old"
`;

const HOW_TO = "Dovecot 2.4 runs in an image of Debian 13, which takes root and debootstrap: " +
  'run the tests as root on Debian or Ubuntu, or install debootstrap ("dnf install debootstrap" ' +
  "on Fedora) and run the tests as root.";

let ensured: Promise<DovecotImage> | undefined;

/**
 * Makes sure that there is an image with Dovecot 2.4, and returns its path.
 *
 * Creates it with debootstrap, which it installs with apt on Debian and Ubuntu, in a cache folder of the
 * project; that takes a minute, once. Rejects with an error that says what to do if that is impossible or
 * fails.
 */
export function ensureDovecot24(): Promise<DovecotImage> {
  return ensured ??= ensure();
}

async function ensure(): Promise<DovecotImage> {
  if (process.getuid?.() !== 0) throw new Error(`Only root can use chroot. ${HOW_TO}`);
  const mark = await readFile(join(IMAGE, MARK_FILE), "utf8").catch(() => "");
  if (mark.trimEnd() !== MARK) await make();
  const version = await versionOf("chroot", IMAGE, DOVECOT);
  if (!version.startsWith("2.4.")) {
    throw new Error(
      `Dovecot in ${IMAGE} is version ${version}, and the tests need 2.4. ` +
        `Remove the folder and run the tests again.`,
    );
  }
  return { root: IMAGE, dovecot: DOVECOT, version };
}

async function make(): Promise<void> {
  if (!["/usr/sbin", "/usr/bin"].some((folder) => existsSync(join(folder, "debootstrap")))) {
    const packages = ["debootstrap", "debian-archive-keyring"];
    await installPackages(packages, { missing: "debootstrap", howTo: HOW_TO });
  }
  await mkdir(CACHE, { recursive: true });
  console.error(`Making ${IMAGE}, an image of Debian with Dovecot 2.4, with debootstrap.`);
  const args = [CACHE, IMAGE, MARK, SUITE, PACKAGES.join(",")];
  await runScript(IMAGE_SCRIPT, args).catch((error: Error) => {
    throw new Error(
      `Making ${IMAGE} with debootstrap failed (${error.message}). ${HOW_TO}\n${error.cause}`,
    );
  });
}
