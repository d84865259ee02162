/**
 * Defines which test files run on which runtimes, and which tests belong to which task.
 *
 * @module
 */

import type { TestFile } from "./files.ts";

/** The names of the runtimes, in the order of the output. */
export const RUNTIMES = ["deno", "node", "bun", "node20", "node22", "node26"] as const;

/** The name of a runtime; "node" is Node 24. */
export type RuntimeName = (typeof RUNTIMES)[number];

/** The names of the test suites. */
export const SUITES = ["all", "unit", "packages", "nodes", "soak", "docs", "any"] as const;

/** A test suite: "any" is every file on every runtime. */
export type Suite = (typeof SUITES)[number];

/**
 * The test files that run on one runtime, or on some, and why. All others run on Deno, Node and Bun, which
 * differ in sockets, TLS, processes, timers, streams and text decoding.
 */
const ONLY: Readonly<Record<string, { on: readonly RuntimeName[]; why: string }>> = {
  "tests/doveadm/client/same_rows_test.ts": {
    on: ["node"],
    why: "compares what servers answer to hundreds of calls",
  },
  "tests/testing/differential_test.ts": {
    on: ["bun"],
    why: "compares the answers of the embedded server with a real one's",
  },
  "tests/core/doveadm/first_line_test.ts": {
    on: ["bun"],
    why: "is about what Dovecot does with the first line of an input",
  },
  "tests/core/doveadm/query/dovecot_test.ts": {
    on: ["deno"],
    why: "compares the query checker with Dovecot's",
  },
  "tests/doveadm/client/cluster/dovecot_test.ts": {
    on: ["node"],
    why: "is about what Dovecots do when one of them stops",
  },
  "tests/cli/doveadm_test.ts": {
    on: ["bun"],
    why: "compares what the program and doveadm print",
  },
  "tests/cli/trace_dovecot_test.ts": {
    on: ["deno"],
    why: "is about what doveadm and Dovecot say to each other",
  },
  "tests/cli/description_test.ts": {
    on: ["deno"],
    why: "compares texts, and runs bash and groff",
  },
  "tests/cli/parse_test.ts": { on: ["deno"], why: "only computes" },
  "tests/doveadm/client/options_test.ts": { on: ["bun"], why: "only computes" },
  "tests/cli/terminal_test.ts": { on: ["node"], why: "starts the program in a terminal, by tmux" },
  "tests/cli/top_terminal_test.ts": {
    on: ["node"],
    why: "starts the program in a terminal, by tmux",
  },
  "tests/cli/promtool_test.ts": { on: ["node"], why: "is about what promtool says of metrics" },
  "tests/doveadm/client/pool/dovecot_kinds_test.ts": {
    on: ["node"],
    why: "is about what Dovecot answers on a used connection",
  },
  "tests/doveadm/client/many_users_dovecot_test.ts": {
    on: ["node"],
    why: "is about what Dovecot answers for many users",
  },
  "tests/doveadm/client/call_values_test.ts": {
    on: ["node"],
    why: "is about which values Dovecot refuses",
  },
  "tests/doveadm/server/policy_proxy_test.ts": {
    on: ["node"],
    why: "is about what Dovecot does with commands that a policy lets through",
  },
  "tests/doveadm/server/http/client_requests_test.ts": {
    on: ["node"],
    why: "compares what the mail server and Dovecot answer over HTTP",
  },
  "tests/doveadm/server/c_client_test.ts": {
    on: ["node"],
    why: "is about what the program doveadm prints",
  },
  "tests/extractor/webmail_test.ts": {
    on: ["bun"],
    why: "is about what Dovecot writes into a maildir",
  },
  "tests/extractor/strange_mails_test.ts": { on: ["bun"], why: "only computes" },
  "tests/fleet/fleet_test.ts": {
    on: ["bun"],
    why: "is about what is noted in Redis; tests/fleet/kill_test.ts runs fleets on each runtime",
  },
  "tests/fleet/redis_out_of_reach_test.ts": { on: ["bun"], why: "is about Redis, too" },
  "tests/sweep/backends_test.ts": {
    on: ["node"],
    why: "is about servers that stand still",
  },
  "tests/examples/sweeps/mbox_quoting_test.ts": { on: ["bun"], why: "only computes" },
  "tests/examples/sweeps/sweeps_test.ts": {
    on: ["node"],
    why: "is about what Dovecot does with mail that is moved, exported and expunged",
  },
  "tests/examples/http_gateway_test.ts": {
    on: ["node"],
    why: "compares what the gateway and Dovecot's own HTTP answer",
  },
  "tests/harness/dovecot/dovecot_test.ts": {
    on: ["deno"],
    why: "is about the harness, which every other test with a Dovecot uses on each runtime",
  },
  "tests/harness/dovecot/everything_test.ts": {
    on: ["node"],
    why: "is about what Dovecot answers",
  },
  "tests/harness/dovecot/imap_test.ts": {
    on: ["deno"],
    why: "is about the harness, which every other test with a Dovecot uses on each runtime",
  },
  "tests/examples/xdoveadm/command_test.ts": {
    on: ["deno"],
    why: "is about what doveadm answers",
  },
  "tests/imap/relay/fuzz_test.ts": {
    on: ["bun"],
    why: "is about what the relay and Dovecot take for commands",
  },
  "tests/harness/redis_test.ts": {
    on: ["deno"],
    why: "is about the harness, which every other test with a Redis uses on each runtime",
  },
  "tests/core/imap/archives_test.ts": { on: ["deno"], why: "reads the sources" },
  "tests/core/imap/freeze_fuzz_test.ts": {
    on: ["bun"],
    why: "compares a relay with one that is frozen now and then",
  },
  "tests/harness/dovecot/image_test.ts": { on: ["bun"], why: "is about a shell script" },
  "tests/scripts/plan_test.ts": { on: ["deno"], why: "is about a program for Deno" },
  "tests/scripts/processes_test.ts": { on: ["deno"], why: "is about a program for Deno" },
  "tests/scripts/report_test.ts": { on: ["deno"], why: "is about a program for Deno" },
  "tests/scripts/site_test.ts": { on: ["deno"], why: "is about a program for Deno" },
  "tests/bench/smoke_test.ts": {
    on: ["deno"],
    why: "starts each bench, to see that it still runs",
  },
  "tests/bench/report_test.ts": { on: ["deno"], why: "is about a program for Deno" },
  "tests/disposables_test.ts": { on: ["deno"], why: "reads the sources" },
  "tests/imports_test.ts": { on: ["deno"], why: "reads the sources" },
  "tests/names_test.ts": { on: ["deno"], why: "reads the sources" },
  "tests/core/doveadm/catalogue/generated_test.ts": { on: ["deno"], why: "reads the sources" },
  "tests/extractor/messages/generated_test.ts": {
    on: ["deno"],
    why: "generates code by programs that only Deno installs",
  },
  "tests/npm/checks_test.ts": { on: ["node"], why: "is about what tools say of the packages" },
  "tests/npm/readme_test.ts": {
    on: ["bun", "node22"],
    why: "runs the programs of README.md as users do who install the package",
  },
  "tests/npm/tools/bundlers_test.ts": { on: ["node"], why: "runs bundlers" },
  "tests/npm/tools/compiled_test.ts": {
    on: ["deno"],
    why: "is about a file without a runtime, which a program for Deno makes",
  },
  "tests/npm/tools/compilers_test.ts": { on: ["node"], why: "runs compilers" },
  "tests/npm/tools/npx_test.ts": {
    on: ["node", "node20", "node22", "node26"],
    why: "npx runs programs on Node alone",
  },
  "tests/npm/tools/runners_test.ts": { on: ["node"], why: "runs other test runners" },
  "tests/workers/client_test.ts": { on: ["node"], why: "workerd is only tested with Node" },
  "tests/workers/http_handler_test.ts": { on: ["node"], why: "workerd is only tested with Node" },
};

/**
 * The test files that take long and run on fewer runtimes in `deno task test`: `test:soak`, or a task for one
 * file, runs them on all.
 */
const FEWER: Readonly<Record<string, readonly RuntimeName[]>> = {
  // What a runtime may do otherwise is in its transports and in fetch; these are about what Dovecot says.
  "tests/doveadm/client/pool/dovecot_test.ts": ["bun"],
  "tests/doveadm/http/dovecot_test.ts": ["deno"],
  "tests/examples/imap_relay/relay_test.ts": ["node"],
  "tests/extractor/maildir/quota_test.ts": ["node"],
  "tests/imap/client_dovecot_test.ts": ["deno"],
  "tests/imap/relay/dovecot_test.ts": ["node"],
  // It is about what mail programs say.
  "tests/imap/relay/real_clients_test.ts": ["bun"],
  // These start programs that others start on each runtime.
  "tests/cli/trace_live_test.ts": ["bun"],
  "tests/examples/imap_relay/program_test.ts": ["node"],
  "tests/examples/imap_relay/stores_test.ts": ["bun"],
  "tests/examples/xkeysync/redis_key_store_test.ts": ["deno"],
  "tests/sweep/kill_test.ts": ["bun"],
  // It is about what Dovecot says of sessions; its transports and its terminal have tests of their own.
  "tests/cli/top_test.ts": ["bun"],
  "tests/doveadm/client/large_message_test.ts": ["bun"],
  "tests/doveadm/client/many_calls_test.ts": ["bun"],
  "tests/doveadm/client/many_users_end_test.ts": ["bun"],
  // Node's test runner looks at each promise, which takes twice as long as the test's 100,000 calls.
  "tests/doveadm/client/pool/limits_test.ts": ["deno", "bun"],
  "tests/doveadm/client/pool/soak_test.ts": ["node"],
  "tests/doveadm/server/load_test.ts": ["bun"],
  "tests/examples/xkeysync/handed_over_test.ts": ["bun"],
  "tests/examples/xkeysync/many_relays_test.ts": ["bun"],
  // `test:docs` runs it on all, and the suite the README on three as installed.
  "tests/examples_test.ts": ["node"],
  "tests/extractor/maildir/busy_test.ts": ["bun"],
  // It is about what Dovecot compresses; compression/content_test.ts has the formats on other runtimes.
  "tests/extractor/maildir/dovecot_test.ts": ["node"],
  // The process that it starts is the same; process_test.ts has the client's way to it on each runtime.
  "tests/extractor/client/program_test.ts": ["node"],
  "tests/extractor/maildir/swapped_test.ts": ["deno"],
  "tests/fleet/kill_test.ts": ["bun"],
  // It starts a process for each test, and each of them starts others.
  "tests/extractor/program/extractor_test.ts": ["bun"],
};

/**
 * What only computes runs on Deno: the core, readers of mail, the mail behind the stand-in, and what goes by a
 * virtual clock. Bun, which has another JavaScript engine, runs the laws of all protocols, the readers, and what
 * reads mail by regular expressions; Node, which has Deno's engine, the tests that decode and encode text.
 */
const COMPUTING: readonly RegExp[] = [
  /^tests\/core\//,
  /^tests\/testing\/(?!mail_server_http_test)/,
  /^tests\/transports\/memory_test\.ts$/,
  /^tests\/extractor\/(?:maildir\/(?:mail|compression)|messages)\//,
  /^tests\/doveadm\/client\/pool\/(?:connections|events|fairness|kinds|retry|user_order)_test\.ts$/,
  /^tests\/doveadm\/client\/cluster\/(?:failover|referral|route)_test\.ts$/,
];
const COMPUTING_ON_BUN =
  /^tests\/(?:core\/.*(?:bytes|laws|parser|reader|fuzz)_test\.ts$|extractor\/maildir\/)/;
const COMPUTING_ON_NODE = /^tests\/core\/bytes_test\.ts$/;

/**
 * Unit tests of these run on Bun: what they have of a runtime is its transports, which tests/transports/ and
 * tests/doveadm/ run on each. `test:unit` runs them on Deno.
 */
const IN_PROCESS = /^tests\/(?:cli|examples|extractor|imap|sweep)\//;

/** The installed package: on the oldest Node; `test:packages` runs it on all runtimes. */
const PACKAGES = /^tests\/npm\//;

/** What `test:packages` runs on all runtimes although `deno task test` runs it on some. */
const README = /^tests\/npm\/readme_test\.ts$/;

/** The package in other people's tools, which npm installs for `test:packages` alone. */
const TOOLS = /^tests\/npm\/tools\//;

/**
 * The tests that may differ between versions of Node: sockets, TLS, `fetch`. `test:nodes` runs them on Node 20, 22
 * and 26 as well.
 */
const OTHER_NODES: readonly RegExp[] = [
  /^tests\/transports\//,
  /^tests\/doveadm\/client\/connection_test\.ts$/,
  /^tests\/doveadm\/client\/doveadm_test\.ts$/,
  /^tests\/doveadm\/client\/hostile_test\.ts$/,
  /^tests\/doveadm\/http\/exchange_test\.ts$/,
];

/** The tests that `test:soak` runs at their full size, with those that run on {@linkcode FEWER} runtimes otherwise. */
const SOAK: readonly RegExp[] = [
  /^tests\/core\/.*recordings_test\.ts$/,
  /^tests\/imap\/relay\/handover_test\.ts$/,
  /^tests\/core\/imap\/freeze_fuzz_test\.ts$/,
  /^tests\/imap\/relay\/fuzz_test\.ts$/,
  /^tests\/doveadm\/server\/http\/sockets_test\.ts$/,
  /^tests\/cli\/top_terminal_test\.ts$/,
  /^tests\/doveadm\/client\/(?:doveadm|everywhere)_test\.ts$/,
  /^tests\/doveadm\/http\/doveadm_http_test\.ts$/,
  /^tests\/doveadm\/client\/cluster\/failover_test\.ts$/,
  /^tests\/doveadm\/client\/many_users_(flow|dovecot)_test\.ts$/,
  /^tests\/doveadm\/client\/pool\/soak_test\.ts$/,
  /^tests\/sweep\/everybody_test\.ts$/,
  /^tests\/testing\/differential_test\.ts$/,
  /^tests\/transports\/transports_test\.ts$/,
];

/**
 * The slowest files, which start first, so that no runtime runs one alone at the end. They take long by
 * waiting or by computing, here by turns, so that the cores are never idle; none is a unit test.
 */
const LONG: readonly string[] = [
  "tests/doveadm/client/same_rows_test.ts",
  "tests/npm/npm_test.ts",
  "tests/testing/differential_test.ts",
  "tests/cli/top_terminal_test.ts",
  "tests/transports/transports_test.ts",
  "tests/extractor/client/process_test.ts",
  "tests/workers/cloudflare_test.ts",
  "tests/npm/readme_test.ts",
  "tests/npm/checks_test.ts",
  "tests/fleet/fleet_test.ts",
  "tests/transports/listen_test.ts",
  "tests/imap/relay/handover_test.ts",
  "tests/doveadm/server/c_client_test.ts",
  "tests/doveadm/client/many_users_end_test.ts",
  "tests/imap/relay/real_clients_test.ts",
  "tests/imap/relay/fuzz_test.ts",
  "tests/fleet/kill_test.ts",
  "tests/bench/smoke_test.ts",
  "tests/doveadm/client/pool/hostile_test.ts",
  "tests/transports/spawn_test.ts",
  "tests/doveadm/client/many_users_dovecot_test.ts",
  "tests/cli/doveadm_test.ts",
  "tests/doveadm/server/policy_proxy_test.ts",
  "tests/doveadm/http/doveadm_http_test.ts",
  "tests/doveadm/client/everywhere_test.ts",
  "tests/extractor/webmail_test.ts",
  "tests/cli/terminal_test.ts",
  "tests/doveadm/client/doveadm_test.ts",
  "tests/doveadm/client/large_message_test.ts",
  "tests/extractor/client/program_test.ts",
  "tests/extractor/maildir/mail/mail_test.ts",
  "tests/extractor/strange_mails_test.ts",
  "tests/doveadm/client/pool/soak_test.ts",
  "tests/doveadm/server/load_test.ts",
  "tests/examples/xkeysync/many_relays_test.ts",
  "tests/doveadm/client/many_users_flow_test.ts",
  "tests/doveadm/client/cluster/dovecot_test.ts",
  "tests/doveadm/client/pool/dovecot_kinds_test.ts",
  "tests/doveadm/client/many_calls_test.ts",
  "tests/sweep/kill_test.ts",
];

/**
 * The files, neither long ones nor unit tests, that have a process of their own, because others in it would be
 * in their way: they measure its memory, replace or end it, or look for all that it started.
 */
const ALONE: readonly RegExp[] = [
  /^tests\/doveadm\/http\/memory_test\.ts$/,
  /^tests\/extractor\/maildir\/swapped_test\.ts$/,
  /^tests\/harness\/dovecot\/dovecot_test\.ts$/,
  /^tests\/npm\//,
];

/**
 * The unit tests that compute for seconds: all that was recorded, conversations at random by the thousand, whole
 * examples. `test:unit` runs them if they are named, and `deno task test` always.
 */
const EXHAUSTIVE: readonly RegExp[] = [
  /^tests\/core\/.*recordings_test\.ts$/,
  /^tests\/core\/.*(?:laws|fuzz|framing)_test\.ts$/,
  /\/back_to_back_test\.ts$/,
  /^tests\/examples\//,
];

/** The examples in the documentation, as programs. */
const DOCS = /^tests\/examples_test\.ts$/;

/** The static checks of a suite; `undefined` for the usual ones. */
export function checksOf(suite: Suite): readonly string[] | undefined {
  return suite === "all"
    ? undefined
    : suite === "docs"
    ? ["documentation", "examples", "site"]
    : [];
}

/**
 * The paths and patterns in the plan: one without a matching file would leave out a test, or run it on fewer
 * runtimes, unnoticed.
 */
export const NAMED: readonly (string | RegExp)[] = [
  ...Object.keys(ONLY),
  ...Object.keys(FEWER),
  ...LONG,
  ...[...COMPUTING, COMPUTING_ON_BUN, COMPUTING_ON_NODE, IN_PROCESS, PACKAGES, README, TOOLS],
  ...[...OTHER_NODES, ...SOAK, ...ALONE, ...EXHAUSTIVE, DOCS],
];

/** Whether a suite runs a file on a runtime. */
export function isPlanned(suite: Suite, runtime: RuntimeName, file: TestFile): boolean {
  const { path } = file;
  switch (suite) {
    case "unit":
      return runtime === "deno" && isUnit(file) && runsOn("deno", path);
    case "packages":
      return PACKAGES.test(path) &&
        (README.test(path) || (ONLY[path]?.on.includes(runtime) ?? true));
    case "nodes":
      return runtime.startsWith("node") && OTHER_NODES.some((it) => it.test(path));
    case "soak":
      return (Object.hasOwn(FEWER, path) || SOAK.some((it) => it.test(path))) &&
        runsOn(runtime, path);
    case "docs":
      return DOCS.test(path) && runsOn(runtime, path);
    case "any":
      return true;
    case "all":
      return runsOn(runtime, path) && !isLeftOut(runtime, file);
  }
}

function runsOn(runtime: RuntimeName, path: string): boolean {
  if (TOOLS.test(path)) return false;
  if (PACKAGES.test(path)) {
    return ONLY[path]?.on.includes(runtime) ?? runtime === "node20";
  }
  if (runtime === "node20" || runtime === "node22" || runtime === "node26") return false;
  if (runtime === "node" && COMPUTING.some((it) => it.test(path))) {
    return COMPUTING_ON_NODE.test(path);
  }
  return ONLY[path]?.on.includes(runtime) ?? true;
}

/** Whether `deno task test` leaves a file out on a runtime that other suites run it on. */
function isLeftOut(runtime: RuntimeName, file: TestFile): boolean {
  const fewer = FEWER[file.path];
  if (fewer !== undefined) return !fewer.includes(runtime);
  if (Object.hasOwn(ONLY, file.path)) return false;
  const isComputing = COMPUTING.some((it) => it.test(file.path));
  if (isComputing) return runtime === "bun" && !COMPUTING_ON_BUN.test(file.path);
  return runtime !== "bun" && isUnit(file) && IN_PROCESS.test(file.path);
}

/** Whether `test:unit` leaves a file out, unless it is named. */
export function isExhaustive({ path }: TestFile): boolean {
  return EXHAUSTIVE.some((it) => it.test(path));
}

/**
 * Whether a file is a unit test: it starts no program, so that it needs neither a Dovecot nor a package nor
 * root, and takes seconds at most.
 */
export function isUnit({ path, startsPrograms }: TestFile): boolean {
  return !startsPrograms && !LONG.includes(path);
}

/** Which files share processes with it: those of the same kind. */
export type Company = "unit tests" | "programs" | "Dovecots";

/** The kind of files that a file shares processes with; `undefined` if it has one of its own. */
export function companyOf(file: TestFile): Company | undefined {
  if (isUnit(file)) return "unit tests";
  if (LONG.includes(file.path) || ALONE.some((it) => it.test(file.path))) return undefined;
  return file.needsDovecot ? "Dovecots" : "programs";
}

/** A file's priority: the lower, the earlier. */
export function rankOf(path: string): number {
  const place = LONG.indexOf(path);
  return place === -1 ? LONG.length : place;
}

/** The priority of files that share a process: unit tests need no preparation, and fill the time of others'. */
export function rankOfShared(company: Company): number {
  // The rest of the long ones, a file each, then fills the gaps at the end.
  return company === "unit tests" ? 0 : LONG.length / 2;
}
