/**
 * Error messages that become parts of others.
 *
 * @module
 */

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A sentence as it stands after a colon; "TLS", "ECONNREFUSED" and the like stay as they are. */
export function lowerFirst(sentence: string): string {
  if (/^[A-Z][A-Z0-9]/.test(sentence)) return sentence;
  return sentence.slice(0, 1).toLowerCase() + sentence.slice(1);
}
