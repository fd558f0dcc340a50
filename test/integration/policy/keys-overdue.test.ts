/** The policy's pace of new keys, judged by what a store holds: by plan before the work, by verify after it. */
import { beforeEach, expect, test } from "vitest";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { storeSmallSnapshot } from "../../support/small-snapshots.ts";
import { type Checkout, openCheckout } from "./policy-step.ts";

const dayMs = 24 * 3600 * 1000;
let checkout: Checkout;
let store: Store;

beforeEach(async () => {
  checkout = await openCheckout();
  const near = await checkout.store("near");
  store = openStore({ kind: "directory", path: near }, { clock: systemClock, logger: silentLogger });
  await checkout.policy(
    `stores: { near: { type: directory, path: ${near} } }
sources: { database: { type: postgres, url: { secret: DATABASE_URL } } }
retention: { daily: 30d, yearly: 7y }
waive: [signing]
keys: { rotate: 1y }`,
  );
  return () => checkout[Symbol.asyncDispose]();
});

const backUp = (daysAgo: number, recipients = checkout.recipients) =>
  storeSmallSnapshot(store, {
    moment: new Date(Date.now() - daysAgo * dayMs),
    recipients: parseRecipients(recipients, undefined),
  });
const summaries = async (): Promise<readonly string[]> => {
  const plan = await checkout.run("plan", {});
  const verified = await checkout.run("verify", { inputs: { level: "stored" } });
  for (const { code, published } of [plan, verified]) expect(code, published).toBe(0);
  return [plan.summary, verified.summary];
};

test("keys that are older than the pace are overdue", async () => {
  await backUp(400);
  await backUp(1);
  for (const summary of await summaries()) {
    expect(summary).toContain("`keys-overdue`");
    expect(summary).toContain("wants new ones every 1 year");
  }
});

test("keys that were changed in time are not, however old the backups of the others are", async () => {
  await backUp(400, checkout.recipients.toReversed().slice(0, 1));
  await backUp(100);
  for (const summary of await summaries()) expect(summary).not.toContain("keys-");
});

test("a verification without a policy asks nobody's age", async () => {
  await backUp(400);
  const verified = await checkout.run("verify", {
    inputs: { policy: "", level: "stored", store: store.address, source: "database" },
  });
  expect(verified.code, verified.published).toBe(0);
  expect(verified.summary).not.toContain("keys-");
});
