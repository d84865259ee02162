/**
 * Certificates for tests, valid and invalid ones. They are created once a week, and kept in `.cache/`.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./sockets.ts";

/** A certificate and its private key, as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** The result of {@linkcode certificates}. */
export interface Certificates {
  /** The CA that signed the certificates that don't name another. */
  readonly ca: string;
  /** A CA that signed `otherClient` and no server's certificate. */
  readonly otherCa: string;
  /** A server's, for "localhost" and 127.0.0.1. */
  readonly good: Pair;
  /** The same, but of January 2020. */
  readonly expired: Pair;
  /** The same, but signed by no CA. */
  readonly selfSigned: Pair;
  /** A server's, for "other.example" and 192.0.2.1. */
  readonly wrongName: Pair;
  /** A client's. */
  readonly client: Pair;
  /** A client's, of `otherCa`. */
  readonly otherClient: Pair;
}

/** The content of a certificate. */
interface Wanted {
  /** The subject's common name. */
  readonly name: string;
  /** Extensions in the syntax of openssl's configuration. */
  readonly extensions: readonly string[];
  /** The issuer; itself if left out. */
  readonly issuer?: string;
  /** Whether it has expired. */
  readonly expired?: boolean;
}

const caExtensions = ["basicConstraints = critical, CA:TRUE", "keyUsage = critical, keyCertSign"];
const leaf = ["basicConstraints = critical, CA:FALSE", "keyUsage = critical, digitalSignature"];
const here = [
  ...leaf,
  "extendedKeyUsage = serverAuth",
  "subjectAltName = DNS:localhost, IP:127.0.0.1",
];
const elsewhere = [
  ...leaf,
  "extendedKeyUsage = serverAuth",
  "subjectAltName = DNS:other.example, IP:192.0.2.1",
];
const client = [...leaf, "extendedKeyUsage = clientAuth"];

/** Each certificate by its file's name, CAs before the ones they sign. */
const wanted: Readonly<Record<string, Wanted>> = {
  ca: { name: "Test CA", extensions: caExtensions },
  otherCa: { name: "Other test CA", extensions: caExtensions },
  good: { name: "localhost", extensions: here, issuer: "ca" },
  expired: { name: "localhost", extensions: here, issuer: "ca", expired: true },
  selfSigned: { name: "localhost", extensions: here },
  wrongName: { name: "other.example", extensions: elsewhere, issuer: "ca" },
  client: { name: "test client", extensions: client, issuer: "ca" },
  otherClient: { name: "other test client", extensions: client, issuer: "otherCa" },
};

/** How many days a certificate is valid, and how many of them it is used. */
const VALID_DAYS = 30;
const USED_DAYS = 7;

const CACHE = fileURLToPath(new URL("../../.cache", import.meta.url));

let made: Promise<Certificates> | undefined;

/**
 * The certificates, which are the same for all processes. Creating them needs the program `openssl`, which
 * Debian's package of Dovecot depends on.
 */
export function certificates(): Promise<Certificates> {
  return made ??= findOrMake();
}

/**
 * Reads this week's certificates, or creates them. They are one file, which appears complete and never
 * changes, so that all processes have the same ones.
 */
async function findOrMake(): Promise<Certificates> {
  const kind = createHash("sha256").update(configuration()).update(JSON.stringify(wanted));
  const week = Math.floor(Date.now() / (USED_DAYS * 86_400_000));
  const name = `certificates-${kind.digest("hex").slice(0, 16)}-${week}.json`;
  const path = join(CACHE, name);
  const found = await readFile(path, "utf8").catch(() => undefined);
  if (found !== undefined) return JSON.parse(found);
  await using folder = await temporaryFolder();
  await makeAll(folder.path);
  const certificates = await readAll(folder.path);
  const unfinished = join(CACHE, `unfinished-${randomUUID()}`);
  try {
    await mkdir(CACHE, { recursive: true });
    await writeFile(unfinished, JSON.stringify(certificates), { mode: 0o600 });
  } catch {
    // If the folder isn't writable, each process has its own.
    return certificates;
  }
  // All processes use those of the first one.
  await link(unfinished, path).catch(() => {});
  await rm(unfinished, { force: true });
  return JSON.parse(await readFile(path, "utf8"));
}

async function makeAll(folder: string): Promise<void> {
  await writeFile(join(folder, "index"), "");
  await writeFile(join(folder, "openssl.cnf"), configuration());
  for (const [file, certificate] of Object.entries(wanted)) {
    await issue(folder, file, certificate);
  }
}

async function readAll(folder: string): Promise<Certificates> {
  const read = (file: string) => readFile(join(folder, file), "utf8");
  const cert = (name: string) => read(`${name}.crt`);
  const pair = async (name: string) => ({ cert: await cert(name), key: await read(`${name}.key`) });
  return {
    ca: await cert("ca"),
    otherCa: await cert("otherCa"),
    good: await pair("good"),
    expired: await pair("expired"),
    selfSigned: await pair("selfSigned"),
    wrongName: await pair("wrongName"),
    client: await pair("client"),
    otherClient: await pair("otherClient"),
  };
}

/** One configuration for all of them, with a section of extensions for each. */
function configuration(): string {
  const lines = [
    ...["[req]", "distinguished_name = subject", "[subject]"],
    ...[
      "[issuing]",
      "database = index",
      "new_certs_dir = .",
      "default_md = sha256",
      "policy = any",
    ],
    // Two of them may have the same name.
    ...["unique_subject = no", "rand_serial = yes"],
    ...["[any]", "commonName = supplied"],
  ];
  for (const [file, { extensions }] of Object.entries(wanted)) {
    lines.push(`[${file}]`, ...extensions);
    // Verifiers find the CA's key by this.
    lines.push("subjectKeyIdentifier = hash", "authorityKeyIdentifier = keyid");
  }
  return `${lines.join("\n")}\n`;
}

/** Creates a key and a certificate for it. */
async function issue(
  folder: string,
  file: string,
  { name, issuer, expired }: Wanted,
): Promise<void> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];
  const request = [
    ...["req", "-new", "-batch", "-config", "openssl.cnf", ...key],
    ...["-keyout", `${file}.key`, "-subj", `/CN=${name}`, "-out", `${file}.csr`],
  ];
  await openssl(folder, request);
  const signer = issuer === undefined
    ? ["-selfsign", "-keyfile", `${file}.key`]
    : ["-cert", `${issuer}.crt`, "-keyfile", `${issuer}.key`];
  const dates = expired
    ? ["-startdate", "20200101000000Z", "-enddate", "20200131000000Z"]
    : ["-days", String(VALID_DAYS)];
  await openssl(folder, [
    ...[
      "ca",
      "-batch",
      "-config",
      "openssl.cnf",
      "-name",
      "issuing",
      "-notext",
      "-extensions",
      file,
    ],
    ...signer,
    ...dates,
    ...["-in", `${file}.csr`, "-out", `${file}.crt`],
  ]);
}

function openssl(cwd: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile("openssl", args, { cwd }, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`openssl ${args.join(" ")} failed: ${stderr}`, { cause: error }));
    });
  });
}
