/** How an act ended, in the one word that records, ledger and reports share. */
import type { LifeboatError } from "./errors.ts";

export const outcomes = ["success", "failure", "damaged", "not-verified", "cancelled", "unknown"] as const;
export type Outcome = (typeof outcomes)[number];

export function outcomeOf(error: Pick<LifeboatError, "code" | "exitCode"> | undefined): Outcome {
  if (error === undefined) return "success";
  if (error.code === "run-cancelled") return "cancelled";
  if (error.code === "run-outcome-unknown" || error.code === "restore-state-unknown") return "unknown";
  if (error.exitCode === 3) return "damaged";
  return error.exitCode === 4 ? "not-verified" : "failure";
}
