/**
 * The VERSION lines, the first one of each side.
 *
 * @module
 */

/** A side's version. */
export interface VersionLine {
  /** The major version, "1" for all that is known. */
  readonly major: string;
  /** The minor version. */
  readonly minor: number;
}

/**
 * The names in VERSION lines: each side sends the other's. A client's has "doveadm-server", and a server's
 * "doveadm-client".
 */
export type VersionService = "doveadm-client" | "doveadm-server";

/** Reads a VERSION line, without its line end; `undefined` for any other line. */
export function parseVersionLine(line: string, service: VersionService): VersionLine | undefined {
  const found = /^VERSION\t([^\t]*)\t(\d{1,9})\t(\d{1,9})$/.exec(line);
  if (found === null || found[1] !== service) return undefined;
  return { major: found[2], minor: Number(found[3]) };
}
