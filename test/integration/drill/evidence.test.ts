/** What a drill leaves behind: signed, in the ledger, counted only where somebody vouches for it, and never in the way. */
import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { storeLedger } from "../../../src/ledger/ledger.ts";
import { planDrills } from "../../../src/operations/plan-drills.ts";
import { readDrills } from "../../../src/operations/read-drills.ts";
import { observeSnapshots } from "../../../src/operations/observe-snapshots.ts";
import { voucher } from "../../../src/operations/vouched-documents.ts";
import { standingOf } from "../../../src/retention/standing.ts";
import { parseSigningKey, publicKeyPem } from "../../../src/snapshot/signature.ts";
import { evidenceOfSource, isDrillKey } from "../../../src/snapshot/keys.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { policyOf } from "../../unit/policy/policies.ts";
import { type BucketSafe, newBucketSafe } from "../buckets/safe.ts";
import { drill } from "./drilling.ts";

const storage = { name: "storage", kind: "storage", rpoMs: 3_600_000, rtoMs: 1 } as const;
const signingKey = parseSigningKey(
  generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
);
const signers = [publicKeyPem(signingKey)];
let safe: BucketSafe;

beforeEach(async () => {
  safe = await newBucketSafe();
  await safe.server.addBucket("photos");
  await safe.server.addObject("photos", { name: "a.png", size: 1000, contentType: "image/png" });
});
afterEach(async () => await safe[Symbol.asyncDispose]());

const keys = async (): Promise<readonly string[]> =>
  (await safe.store.files(evidenceOfSource("storage"))).map(({ key }) => key).filter(isDrillKey);

test("signed evidence counts, unsigned does not where somebody must sign, and both are kept", async () => {
  await safe.backUp({ signingKey });
  const trust = { signers };
  await drill("restoration", safe, { sources: [storage], trust });
  await drill("restoration", safe, { sources: [storage], trust, signingKey });
  expect(await keys()).toHaveLength(2);
  const drills = await readDrills(safe.store, "storage", voucher(trust, undefined));
  expect(drills.map(({ isTrusted, verdict, kind }) => [isTrusted, verdict, kind])).toEqual([
    [false, "passed", "restoration"],
    [true, "passed", "restoration"],
  ]);
  // It is evidence of a verification as well.
  const { snapshots } = await observeSnapshots(safe.store, { source: "storage", trust, now: new Date() });
  expect(snapshots.map((one) => standingOf(one))).toEqual([{ kind: "verified", level: "restored" }]);
  // A drill that has passed is not due again.
  const policy = policyOf(
    `sources: { storage: { type: supabase-storage, url: "https://a.example.org", key: { secret: KEY } } }
drills: { of-age: 1h, restoration: 1d }`,
  );
  const later = new Date(Date.now() + 2 * 3_600_000);
  expect(await planDrills(policy, { store: safe.store, trust, now: later })).toEqual(["disaster"]);
});

test("the ledger has who drilled what and how it ended, also where nothing could be drilled", async () => {
  const ledger = storeLedger(safe.store, systemClock, { signingKey: undefined, signers: [] });
  const trust = { signers: [], ledger };
  const run = { by: { name: "octocat", run: "https://example.org/1" }, commit: "abc", trust };
  const { snapshot } = await safe.backUp();
  await drill("disaster", safe, { sources: [storage, { name: "nothing", kind: "application" }], ...run });
  const { records, problems } = await ledger.read();
  expect(problems).toEqual([]);
  expect(
    records.map(({ act, source, outcome, by, commit }) => [act, source, outcome, by.name, commit]),
  ).toEqual([
    ["drill", "storage", "success", "octocat", "abc"],
    ["drill", "nothing", "failure", "octocat", "abc"],
  ]);
  expect(records[0]).toMatchObject({
    snapshot: snapshot.id,
    findings: ["drill-rto-missed", "contents-trusted"],
  });
  expect(records[0]?.witnessed).toHaveLength(1);
  const witness = {
    heads: [],
    witnessed: new Set(records[0]?.witnessed),
    documents: [],
    unplaced: [],
    storeIds: [],
  };
  const drills = await readDrills(safe.store, "storage", voucher({ signers, ledger }, witness));
  expect(drills.map(({ isTrusted, meetsObjectives }) => [isTrusted, meetsObjectives])).toEqual([
    [true, false],
  ]);
});

test("an objective that was missed is a finding, not a failure; an old newest backup too", async () => {
  const clock = { ...systemClock, now: () => new Date(Date.now() - 3 * 3_600_000) };
  await safe.backUp({}, { clock });
  const report = await drill("disaster", safe, { sources: [storage] });
  expect(report.verdict).toBe("passed");
  const [drilled] = report.sources;
  expect(drilled?.findings.map(({ code }) => code)).toEqual(["drill-rto-missed", "drill-rpo-missed"]);
  expect(drilled?.recoveryPoint).toMatchObject({ objectiveSeconds: 3600, isMet: false });
  expect(drilled?.recoveryPoint.atFailureSeconds).toBeGreaterThanOrEqual(3 * 3600);
  expect(drilled?.recoveryTime).toMatchObject({ isMet: false, objectiveSeconds: 0.001 });
});
