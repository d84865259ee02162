/**
 * What a script does when it is told to end.
 *
 * @module
 */

/** Ends this process at SIGINT or SIGTERM, after a call of the function, which ends what the script has started. */
export function endWhenTold(endPrograms: () => void): void {
  for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => {
      endPrograms();
      Deno.exit(status);
    });
  }
}
