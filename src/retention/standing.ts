/** What trusted checks have shown about a snapshot. */
import type { Evidence, ObservedSnapshot } from "../snapshot/observed.ts";
import { levels, type VerifyLevel } from "../verification/levels.ts";

export type VerifiedLevel = Exclude<VerifyLevel, "stored">;

export type Standing =
  /** A check found it bad, and no later check of the same depth or deeper took that back. */
  | { readonly kind: "failed" }
  | { readonly kind: "verified"; readonly level: VerifiedLevel }
  /** Nobody has opened it: `stored` alone shows only that the sealed bytes are those that were written. */
  | { readonly kind: "unverified" };

export function standingOf(snapshot: ObservedSnapshot): Standing {
  const trusted = snapshot.evidence.filter(({ isTrusted }) => isTrusted);
  const passes = trusted.filter(({ verdict }) => verdict === "passed");
  const failed = trusted.some(
    (failure) => failure.verdict === "failed" && !passes.some((pass) => takesBack(pass, failure)),
  );
  if (failed) return { kind: "failed" };
  const proven = new Set(passes.map(({ level }) => level));
  if (proven.has("restored")) return { kind: "verified", level: "restored" };
  if (proven.has("unsealed")) return { kind: "verified", level: "unsealed" };
  return { kind: "unverified" };
}

function takesBack(pass: Evidence, failure: Evidence): boolean {
  return pass.time > failure.time && levels.indexOf(pass.level) >= levels.indexOf(failure.level);
}
