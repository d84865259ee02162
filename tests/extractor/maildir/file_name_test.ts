import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isMarkedSeen,
  markedSeen,
  nameInCur,
  sizeInName,
  uniqueName,
} from "../../../extractor/maildir/file_name.ts";

/** File name, unique name, whether it is seen, and the name with the flag S. */
const names: readonly (readonly [string, string, boolean, string])[] = [
  ["1.a.host", "1.a.host", false, "1.a.host:2,S"],
  ["1.a.host:2,", "1.a.host", false, "1.a.host:2,S"],
  ["1.a.host:2,S", "1.a.host", true, "1.a.host:2,S"],
  ["1.a.host:2,FT", "1.a.host", false, "1.a.host:2,FST"],
  ["1.a.host:2,DFRSTab", "1.a.host", true, "1.a.host:2,DFRSTab"],
  ["1.a.host:2,ac", "1.a.host", false, "1.a.host:2,Sac"],
  // Unknown flags, and other text.
  ["1.a.host:2,AZ", "1.a.host", false, "1.a.host:2,ASZ"],
  ["1.a.host:2,F,S,x", "1.a.host", false, "1.a.host:2,FS,S,x"],
  ["1.a.host:2,,", "1.a.host", false, "1.a.host:2,S,"],
  ["1.a.host:1,S", "1.a.host", false, "1.a.host:1,S:2,S"],
  ["1.a.host:", "1.a.host", false, "1.a.host::2,S"],
  ["1.a.host:2", "1.a.host", false, "1.a.host:2:2,S"],
  ["1.a.host:2,S:2,F", "1.a.host", false, "1.a.host:2,S:2,FS"],
  ["1.a.host:2,F:2,S", "1.a.host", true, "1.a.host:2,F:2,S"],
  ["1.a.host,S=5,W=6:2,T", "1.a.host,S=5,W=6", false, "1.a.host,S=5,W=6:2,ST"],
  ["S", "S", false, "S:2,S"],
];

test("file names › any name › has the mail's name and flags", () => {
  for (const [name, mid, seen, afterwards] of names) {
    assert.equal(uniqueName(name), mid, name);
    assert.equal(isMarkedSeen(name), seen, name);
    assert.equal(markedSeen(name), afterwards, name);
    assert(isMarkedSeen(afterwards), afterwards);
    assert.equal(uniqueName(afterwards), mid, name);
    assert.equal(markedSeen(afterwards), afterwards);
  }
});

test("file names › a mail without flags in cur › gets an empty list of flags", () => {
  assert.equal(nameInCur("1.a.host"), "1.a.host:2,");
  assert.equal(nameInCur("1.a.host:2,FS"), "1.a.host:2,FS");
  assert.equal(nameInCur("1.a.host:1,x"), "1.a.host:1,x");
});

test("file names › a size in the name › is read", () => {
  assert.equal(sizeInName("1.a.host,S=1234"), 1234);
  assert.equal(sizeInName("1.a.host,S=1234,W=1300:2,S"), 1234);
  assert.equal(sizeInName("1.a.host,W=1300,S=1234:2,S"), 1234);
  assert.equal(sizeInName("1.a.host,S=0:2,"), 0);
  for (
    const wrong of [
      ...["1.a.host", "1.a.host,S=", "1.a.host,S=:2,", "1.a.host,S=1x", "1.a.host,S=-1"],
      ...["1.a.host,s=1", "1.a.hostS=1", `1.a.host,S=${"9".repeat(30)}`],
    ]
  ) assert.equal(sizeInName(wrong), undefined, wrong);
});
