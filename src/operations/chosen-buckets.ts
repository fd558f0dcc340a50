/** Whether the buckets that a person named are there: a misspelt one must not end as an empty backup. */
import { LifeboatError } from "../errors.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";

export function requireChosenBuckets({ choice }: ObjectFilter, known: readonly string[]): void {
  const missing = (choice.buckets ?? []).filter((name) => !known.includes(name));
  if (missing.length === 0) return;
  throw new LifeboatError(
    "bucket-missing",
    `There is no bucket ${missing.map((name) => JSON.stringify(name)).join(", ")}.`,
    {
      hint: `There are: ${known.slice(0, 20).join(", ") || "none"}.`,
      publicSentence: `${missing.length} of the chosen buckets are not there.`,
    },
  );
}
