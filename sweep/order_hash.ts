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
    let one = this.#one;
    let other = this.#other;
    for (let at = 0; at <= name.length; at++) {
      // After the last one comes no code unit, so that it is known where a name ends.
      const unit = at < name.length ? name.charCodeAt(at) : 0x10000;
      one = Math.imul(one ^ unit, 0x01000193);
      other = Math.imul(other ^ unit, 0x85ebca6b);
      other ^= other >>> 13;
    }
    this.#one = one;
    this.#other = other;
  }

  /** The fingerprint so far. */
  get value(): string {
    return hex(this.#one) + hex(this.#other);
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
