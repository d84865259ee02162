/**
 * Programs of the tests' own that run on the runtime of this process.
 *
 * @module
 */

/**
 * The runtime's arguments that run a program of the project. Deno is quiet: what it says of a package that it has to
 * download would be in the program's stderr.
 */
export function argumentsToRun(path: string): string[] {
  return "Deno" in globalThis ? ["run", "--allow-all", "--no-check", "--quiet", path] : [path];
}
