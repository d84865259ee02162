/**
 * Version 3's frames in tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { FrameReader } from "../../../core/extractor/mod.ts";

/** The frames of an output, without their lengths. */
export function answersIn(output: Uint8Array): Uint8Array[] {
  const reader = new FrameReader();
  reader.push(output);
  const answers: Uint8Array[] = [];
  const tooLarge = (length: number) => new Error(`${length} bytes`);
  for (let answer; (answer = reader.take(2 ** 30, tooLarge)) !== undefined;) answers.push(answer);
  assert.equal(reader.size, 0);
  return answers;
}
