/** An index that lies must not become the truth of the next, signed backup. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { forge } from "../buckets/forge.ts";
import { type BucketSafe, newBucketSafe } from "../buckets/safe.ts";
import { newSigningKey } from "../retention/shelter.ts";

const { key: signingKey, signer } = newSigningKey();
const trust = { signers: [signer] };
let safe: BucketSafe;

beforeEach(async () => {
  safe = await newBucketSafe();
  await safe.server.addBucket("photos");
  for (const name of ["a.png", "b.png"]) {
    await safe.server.addObject("photos", { name, size: 1000, contentType: "image/png" });
  }
});
afterEach(async () => await safe[Symbol.asyncDispose]());

test("a backup carries over from signed snapshots only", { timeout: 60_000 }, async () => {
  const first = await safe.backUp({ signingKey, trust });
  expect(first.account).toMatchObject({ stored: 2, carried: 0 });
  const [{ sha256 } = { sha256: "" }] = await safe.entries(first);
  // Whatever is carried from it would be named as the wrong bytes only by a restore.
  await forge(safe, first, (entries) => entries.map((entry) => ({ ...entry, sha256 })));
  const next = await safe.backUp({ signingKey, trust });
  expect(next.findings.map(({ code }) => code)).toContain("signature-missing");
  expect(next.account).toMatchObject({ stored: 0, carried: 2 });
  expect(await safe.entries(next)).toEqual(await safe.entries(first));
});
