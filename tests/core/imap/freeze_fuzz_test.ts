/** A relay that is frozen and thawed at any point of made-up conversations. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { atFullSize } from "../../harness/soak.ts";
import { FreezeConversation } from "./freeze_conversation.ts";

test("a frozen relay › thawed at any point of made-up conversations › says the same as one that wasn't", () => {
  const count = atFullSize(100_000, 1000);
  let freezes = 0;
  for (let seed = 0; seed < count; seed++) {
    try {
      freezes += new FreezeConversation(seed).run();
    } catch (error) {
      throw new Error(`conversation ${seed}`, { cause: error });
    }
  }
  assert(freezes > count * 5, `it was frozen ${freezes} times only`);
});
