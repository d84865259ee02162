/**
 * A fingerprint of a sequence of names.
 *
 * @module
 */

/**
 * A fingerprint of names in their order, in constant memory: two 32-bit hashes (FNV-1a). It notices that a
 * list has changed, and is no protection against lists that are made to look alike.
 */
export class OrderHash {
  #one = 0x811c9dc5;
  #other = 0x1234567;

  /** Adds a name. */
  add(name: string): void {
    for (let at = 0; at < name.length; at++) this.#mix(name.charCodeAt(at));
    // No code unit, so that it is known where a name ends.
    this.#mix(0x10000);
  }

  /** The fingerprint so far. */
  get value(): string {
    return hex(this.#one) + hex(this.#other);
  }

  #mix(unit: number): void {
    this.#one = Math.imul(this.#one ^ unit, 0x01000193);
    this.#other = Math.imul(this.#other ^ unit, 0x85ebca6b);
    this.#other ^= this.#other >>> 13;
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
