// Becomes a user and reports its ids and rights afterwards: for privileges_test.ts.
//
//     privileges_probe.ts USER [--passwd=FILE] [--group=FILE] [PATH…]     reads each of the paths

import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { dropPrivileges, PrivilegesError } from "../../../extractor/program/privileges.ts";

/** The result of an attempt: "done", or the error's code. */
function outcome(act: () => unknown): string {
  try {
    act();
    return "done";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** The target of a link, if it exists. */
function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}

/** Calls setgroups of the C library where the runtime has none of its own. */
function setGroups(groups: number[]): void {
  if (process.setgroups !== undefined) return process.setgroups(groups);
  // deno-lint-ignore no-explicit-any
  const library = (globalThis as any).Deno.dlopen("libc.so.6", {
    setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  });
  const result = library.symbols.setgroups(BigInt(groups.length), new Uint32Array(groups));
  library.close();
  if (result !== 0) throw Object.assign(new Error("setgroups failed"), { code: "EPERM" });
}

function probe(paths: readonly string[]): Record<string, unknown> {
  const tasks = readdirSync("/proc/self/task").flatMap((task) => {
    try {
      return [readFileSync(`/proc/self/task/${task}/status`, "utf8")];
    } catch (error) {
      // A thread may end meanwhile.
      if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
      throw error;
    }
  });
  const lines = (name: string) => [
    ...new Set(
      tasks.map((status) =>
        new RegExp(`^${name}:(.*)$`, "m").exec(status)![1].trim().replaceAll("\t", " ")
      ),
    ),
  ];
  const before = {
    threads: tasks.length,
    uids: lines("Uid"),
    gids: lines("Gid"),
    groups: lines("Groups"),
    capabilities: [...lines("CapPrm"), ...lines("CapEff"), ...lines("CapAmb")],
    reads: Object.fromEntries(paths.map((path) => [path, outcome(() => readFileSync(path))])),
    writes: outcome(() => writeFileSync("/etc/dovewire-probe", "")),
    setuid: outcome(() => process.setuid!(0)),
    seteuid: outcome(() => process.seteuid!(0)),
    setgid: outcome(() => process.setgid!(0)),
    setegid: outcome(() => process.setegid!(0)),
    setgroups: outcome(() => setGroups([0])),
  };
  return {
    ...before,
    open: readdirSync("/proc/self/fd").flatMap((name) => linkOf(`/proc/self/fd/${name}`)),
    // None of the attempts may have succeeded unnoticed.
    after: [...lines("Uid"), readFileSync("/proc/self/status", "utf8").match(/^Uid:.*$/m)![0]],
    shadow: outcome(() => readFileSync("/etc/shadow")),
    umask: process.umask(0o077).toString(8),
    folder: process.cwd(),
    environment: { ...process.env },
  };
}

const [user, ...rest] = process.argv.slice(2);
const option = (name: string) =>
  rest.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
try {
  const dropped = dropPrivileges(user, { passwd: option("passwd"), group: option("group") });
  const paths = rest.filter((arg) => !arg.startsWith("--"));
  console.log(JSON.stringify({ dropped, ...probe(paths) }));
} catch (error) {
  if (!(error instanceof PrivilegesError)) throw error;
  console.error(error.message);
  process.exitCode = 5;
}
