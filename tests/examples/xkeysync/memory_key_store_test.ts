import { MemoryKeyStore } from "../../../examples/xkeysync/memory_key_store.ts";
import { testKeyStore } from "./store_cases.ts";

testKeyStore("memory key store", (maxKeys) => {
  const store = new MemoryKeyStore({ maxKeys });
  return Promise.resolve({ store, other: store, [Symbol.asyncDispose]: () => Promise.resolve() });
});
