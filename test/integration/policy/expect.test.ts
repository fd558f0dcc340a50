/** What a backup finds about itself reaches its record; what a policy expects of it decides how its step ends. */
import { expect, test } from "vitest";
import type { RunRecord } from "../../../src/runner/record.ts";
import { openCheckout, snapshotsIn } from "./policy-step.ts";

test(
  "a backup below the policy's `expect` is kept, red, and says so in its record",
  { timeout: 120_000 },
  async () => {
    await using checkout = await openCheckout();
    const near = await checkout.store("near");
    const policy = (objects: number): Promise<void> =>
      checkout.policy(`stores:
  near: { type: directory, path: ${near} }
sources:
  site: { type: application, paths: [.github], every: 1d, expect: { objects: ${objects} } }
retention: { daily: 30d }
waive: [signing]`);
    const backUp = async (): Promise<{ readonly code: number | null; readonly record: RunRecord }> => {
      const { code, outputs } = await checkout.run("app-backup", { inputs: { bundle: "false" } });
      return { code, record: JSON.parse(outputs["record"]!) as RunRecord };
    };
    await policy(2);
    const below = await backUp();
    expect(below).toMatchObject({ code: 3, record: { error: { code: "backup-below-expectation" } } });
    expect(below.record.findings).toContainEqual({ code: "policy-waived", level: "warning" });
    expect(await snapshotsIn(near, "site")).toHaveLength(1);

    await policy(1);
    expect(await backUp()).toMatchObject({ code: 0, record: { outcome: "success" } });
    expect(await snapshotsIn(near, "site")).toHaveLength(2);
  },
);
