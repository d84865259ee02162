/**
 * The package's version.
 *
 * @module
 */

/** The package's version, the same as in deno.json. */
export const packageVersion = "0.1.0";
