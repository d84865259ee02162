/**
 * The fields of a package.json that no deno.json has.
 *
 * @module
 */

/** Where the project is: in the manifests, and in the absolute links of README.md. */
export const REPOSITORY = "https://github.com/dovewire/dovewire";

/** A package of this repository, and what only its package.json says. */
export interface Member {
  /** The path of its folder in the project. */
  readonly folder: string;
  /** The tarball's name, without its suffix. */
  readonly tarball: string;
  readonly description: string;
  readonly keywords: readonly string[];
  /** Its programs: their names, and the entries that are these programs. */
  readonly programs: Readonly<Record<string, string>>;
  /** Whether runtimes get joined modules: of those an import takes less time. */
  readonly isBundled: boolean;
}

/** The packages, the main one first. Their versions move together. */
export const MEMBERS: readonly Member[] = [
  {
    folder: ".",
    tarball: "dovewire",
    description:
      "Administer Dovecot from TypeScript: clients and servers for its doveadm protocol, " +
      "and a client for its HTTP API",
    keywords: ["dovecot", "doveadm", "imap", "mail", "email"],
    programs: {},
    isBundled: true,
  },
  {
    folder: "extractor",
    tarball: "extractor",
    description: "Read maildirs for a webmail: both ends of JWebmail's extractor protocol",
    keywords: ["maildir", "webmail", "mail", "email", "dovecot"],
    programs: { extractor: "./program" },
    isBundled: false,
  },
  {
    folder: "fleet",
    tarball: "fleet",
    description:
      "Sweeps over all users of Dovecot on any number of machines, through BullMQ on Redis",
    keywords: ["dovecot", "doveadm", "bullmq", "redis", "queue"],
    programs: {},
    isBundled: false,
  },
  {
    folder: "cli",
    tarball: "cli",
    description:
      "The command dovewire: doveadm for every machine, over UNIX sockets, TCP, TLS and HTTP",
    keywords: ["dovecot", "doveadm", "cli", "prometheus", "mail", "email"],
    programs: { dovewire: "." },
    isBundled: true,
  },
];

/** `Symbol.asyncDispose` is there from 20.5 on; 20.9 is the first release with long-term support. */
const ENGINES = { node: ">=20.9" };

/** The entries that need sockets of a runtime, and the path of the module that replaces them in browsers. */
const ADAPTERS = ["./transports/deno", "./transports/node", "./transports/bun"];
const UNSUPPORTED = "unsupported.js";

/** Where an entry's types and code are, from the package's folder. */
export interface Entry {
  readonly types: string;
  /** For bundlers, if there is one for runtimes besides. */
  readonly module?: string;
  readonly default: string;
}

/** The entries of a package, by the names that its users import. */
export type Entries = Readonly<Record<string, Entry>>;

/** What a package.json says besides the fields of deno.json. */
export interface ManifestFields {
  /** For the start of the file, after the name and the version. */
  readonly first: Readonly<Record<string, unknown>>;
  /** For its end. */
  readonly last: Readonly<Record<string, unknown>>;
}

/** The fields that a package has besides those of its deno.json. */
export function manifestFields(member: Member, entries: Entries): ManifestFields {
  const { description, keywords, folder } = member;
  const programs = Object.entries(member.programs)
    .map(([name, entry]) => [name, entries[entry]] as const);
  const replaced = replacementsIn(entries);
  return {
    first: {
      ...{ description, keywords },
      homepage: `${REPOSITORY}#readme`,
      bugs: { url: `${REPOSITORY}/issues` },
      repository: {
        type: "git",
        url: `git+${REPOSITORY}.git`,
        ...(folder === "." ? {} : { directory: folder }),
      },
      engines: ENGINES,
    },
    last: {
      ...(programs.length === 0
        ? {}
        // npm removes a "./" here.
        : {
          bin: Object.fromEntries(programs.map(([name, entry]) => [name, entry.default.slice(2)])),
        }),
      // Only a program does something when it is imported: bundlers leave out unused modules.
      sideEffects: programs.length === 0
        ? false
        : programs.flatMap(([, entry]) => modulesOf(entry)),
      // For bundlers whose target is a browser. There the adapters' modules of Node don't exist.
      ...(replaced.size === 0 ? {} : { browser: Object.fromEntries(replaced) }),
      publishConfig: { access: "public", provenance: true },
    },
  };
}

/** The modules that bundles for browsers have others in place of, and these others. */
export function replacementsIn(entries: Entries): ReadonlyMap<string, string> {
  const modules = ADAPTERS.filter((name) => name in entries).flatMap((name) =>
    modulesOf(entries[name])
  );
  return new Map(modules.map((path) => [path, path.replace(/[^/]*$/, UNSUPPORTED)]));
}

/** The modules of an entry: the one for runtimes, and the one for bundlers if that is another. */
function modulesOf({ default: path, module }: Entry): readonly string[] {
  return module === undefined ? [path] : [path, module];
}

/** The entries as package.json has them. `require()` gets the same modules as `import`. */
export function manifestExports(entries: Entries): Readonly<Record<string, unknown>> {
  return { ...entries, "./package.json": "./package.json" };
}
