/**
 * Error messages inside other messages.
 *
 * @module
 */

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "an error without a message";
  }
}

/** A sentence for use after a colon; "TLS", "ECONNREFUSED" and the like stay as they are. */
export function lowerFirst(sentence: string): string {
  if (/^[A-Z][A-Z0-9]/.test(sentence)) return sentence;
  return sentence.slice(0, 1).toLowerCase() + sentence.slice(1);
}
