/** The hash by which a dry run's plan is agreed to: lower-case hex SHA-256 of everything that the plan promises. */
import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";

/** The same for the same promise, in whatever order its fields were written. */
export function hashOfPlan(promised: unknown): string {
  const canonical = JSON.stringify(promised, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
  return createHash("sha256").update(canonical).digest("hex");
}

/** Throws `plan-outdated` where another plan was agreed to. */
export function requireAgreedPlan(agreed: string | undefined, present: string): void {
  if (agreed === undefined || agreed === present) return;
  throw new LifeboatError("plan-outdated", `The plan is now ${present}, not the one that was agreed to.`);
}
