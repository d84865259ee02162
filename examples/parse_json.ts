/**
 * Parses JSON that may have secrets.
 *
 * @module
 */

/**
 * Parses a text. Throws an error that says which text is no JSON, and in which line if the runtime tells. The
 * runtime's own error may quote the text, and would bring its passwords into a log.
 */
// deno-lint-ignore no-explicit-any -- what it is has to be checked by whoever uses it
export function parseJson(text: string, name: string): any {
  // A variable that isn't set.
  if (typeof text !== "string" || text === "") throw new Error(`${name} is empty. Set it to JSON.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is no JSON${placeOf(error as Error, text)}.`);
  }
}

function placeOf({ message }: Error, text: string): string {
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  if (position === undefined) return "";
  return `: look at line ${text.slice(0, Number(position)).split("\n").length}`;
}
