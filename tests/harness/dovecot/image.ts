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

/** The root's folders, users and programs that tests run besides Dovecot, and Dovecot. */
const PACKAGES = [
  ...["base-files", "base-passwd", "coreutils", "dash", "libc-bin"],
  ...["dovecot-core", "dovecot-imapd", "dovecot-sieve", "dovecot-flatcurve"],
];

/** The keys of Debian's packages, which Debian has installed. */
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

const CACHE = fileURLToPath(new URL("../../../.cache", import.meta.url));

/** Path of the image. */
export const IMAGE: string = join(CACHE, "dovecot-2.4");

/** The mark of a complete image in {@linkcode MARK_FILE}. An image with another mark is replaced. */
const MARK = `2 ${SUITE} ${PACKAGES.join(" ")}`;
const MARK_FILE = "etc/dovewire-image";

const DOVECOT = "/usr/sbin/dovecot";

/**
 * Creates the image, run by `sh -euc` as root with the cache folder, the image's path, its mark, the suite
 * and the packages, the first of which has the folders and links of the root.
 *
 * The packages are unpacked and not configured: their scripts would start thousands of processes, and Dovecot
 * needs no more of them than its users and the cache of libraries. apt finds out what they depend on, as if
 * nothing was installed, with its lists, packages and locks inside of the image.
 *
 * Several test files may get here at once: flock makes them wait in turn, and the image appears complete or
 * not at all. The next run removes what a killed run left.
 *
 * It uses apt's mirror of Debian's packages, or Debian's own.
 */
export const IMAGE_SCRIPT: string = `
cache=$1 image=$2 mark=$3 suite=$4
shift 4
exec 9<"$cache"
flock 9
if [ "$(cat "$image/${MARK_FILE}" 2>/dev/null)" = "$mark" ]; then exit 0; fi
rm -rf --one-file-system "$image.part" "$image.old"
mirror=$(
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null |
    grep -E '^https?://' | head -n 1
) || mirror=
mkdir "$image.part"
cd "$image.part"
mkdir -p var/lib/dpkg var/lib/apt/lists/partial var/cache/apt/archives/partial
: >var/lib/dpkg/status
echo "deb [signed-by=${KEYRING}] \${mirror:-http://deb.debian.org/debian} $suite main" \\
  >var/lib/apt/sources.list
apt() {
  apt-get -y -o Dir::State="$PWD/var/lib/apt" -o Dir::State::status="$PWD/var/lib/dpkg/status" \\
    -o Dir::Cache="$PWD/var/cache/apt" -o Dir::Etc::sourcelist="$PWD/var/lib/apt/sources.list" \\
    -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null \\
    -o Dir::Etc::preferencesparts=/dev/null -o Acquire::Languages=none \\
    -o APT::Install-Recommends=false -o APT::Sandbox::User=root "$@"
}
# Docker's images have a hook that removes packages which others download meanwhile.
exec 8</var/lib/dpkg
flock 8
apt update 8<&-
apt install --download-only "$@" 8<&-
exec 8<&-
for package in "var/cache/apt/archives/$1"_*.deb var/cache/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" >var/unpacked.tar
  tar -xf var/unpacked.tar --keep-directory-symlink --exclude='./usr/share/doc/*' \\
    --exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*'
done
rm -rf var/unpacked.tar var/cache/apt var/lib/apt
cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
printf '%s\\n' 'dovecot:*:100:102::/usr/lib/dovecot:/usr/sbin/nologin' \\
  'dovenull:*:101:103::/nonexistent:/usr/sbin/nologin' >>etc/passwd
printf '%s\\n' 'dovecot:*:102:' 'dovenull:*:103:' >>etc/group
mkdir -p etc/dovecot
cp -R usr/share/dovecot/dovecot.conf usr/share/dovecot/conf.d etc/dovecot
cp /etc/resolv.conf etc/resolv.conf 2>/dev/null || true
# Their numbers are Linux's.
for device in 'null c 1 3' 'zero c 1 5' 'full c 1 7' 'random c 1 8' 'urandom c 1 9'; do
  mknod -m 666 dev/$device
done
ln -s /proc/self/fd dev/fd
mkdir -m 1777 dev/shm
ldconfig -r .
echo "$mark" >${MARK_FILE}
if [ -e "$image" ]; then mv "$image" "$image.old"; fi
mv "$image.part" "$image"
rm -rf --one-file-system "$image.old"
`;

const HOW_TO = "Dovecot 2.4 runs in an image of Debian 13, which takes root and apt: " +
  "run the tests as root on Debian or Ubuntu.";

let ensured: Promise<DovecotImage> | undefined;

/**
 * Makes sure that there is an image with Dovecot 2.4, and returns its path.
 *
 * Creates it from Debian's packages, in a cache folder of the project; that takes some seconds, once. Rejects
 * with an error that says what to do if that is impossible or fails.
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
  if (!existsSync("/usr/bin/apt-get")) throw new Error(`There is no apt-get. ${HOW_TO}`);
  if (!existsSync(KEYRING)) {
    const missing = "Debian's keyring";
    await installPackages(["debian-archive-keyring"], { missing, howTo: HOW_TO });
  }
  await mkdir(CACHE, { recursive: true });
  console.error(`Making ${IMAGE}, an image of Debian with Dovecot 2.4, with apt.`);
  const args = [CACHE, IMAGE, MARK, SUITE, ...PACKAGES];
  await runScript(IMAGE_SCRIPT, args).catch((error: Error) => {
    throw new Error(
      `Making ${IMAGE} with apt failed (${error.message}). ${HOW_TO}\n${error.cause}`,
    );
  });
}
