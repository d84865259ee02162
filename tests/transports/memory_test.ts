import { memoryPair } from "../../transports/memory.ts";
import { conversation, testTransport } from "./conformance.ts";

testTransport({
  name: "memory.ts",
  open: () => conversation(memoryPair()),
  much: 33_554_432,
  whenPeerCloses: "reset",
  keepsWhatIsWritten: true,
  refusesTls: true,
});

testTransport({
  name: "memory.ts a byte at a time",
  open: () => conversation(memoryPair({ cut: () => 1, capacity: 4096 })),
  much: 32_768,
  whenPeerCloses: "reset",
  keepsWhatIsWritten: true,
  refusesTls: true,
});
