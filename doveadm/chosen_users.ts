/**
 * The users that a command's parameters choose.
 *
 * @module
 */

/** Whether a user's name is a mask, for all users that match it. */
export function isMask(user: string): boolean {
  return /[*?]/.test(user);
}

/** The names in a list, one per line. */
export function namesInList(list: string): string[] {
  return list.split("\n").map((name) => name.trim()).filter((name) => name !== "");
}
