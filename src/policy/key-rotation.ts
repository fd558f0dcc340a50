/** Whether the keys are older than the policy's pace (`keys.rotate`); plan and verify report it. */
import type { Finding } from "../verification/findings.ts";
import { durationInWords } from "./durations.ts";

/** A snapshot, or a rewrap of one, and whom it was made for (fingerprints). */
export interface KeyUse {
  readonly time: Date;
  readonly recipients: readonly string[];
}

/**
 * The present recipients are those of the newest use; they are as old as the oldest use of the same ones. Retention
 * removes old uses, so where nothing older than them is left and they are younger than the pace, their age is not known.
 */
export function keyRotationFindings(
  uses: readonly KeyUse[],
  rotateMs: number,
  now: Date,
): readonly Finding[] {
  const [newest, ...others] = uses.toSorted((one, other) => other.time.getTime() - one.time.getTime());
  if (newest === undefined) return [];
  const present = nameOf(newest);
  const same = [newest, ...others.filter((use) => nameOf(use) === present)];
  const since = same.at(-1)?.time ?? newest.time;
  const ageMs = now.getTime() - since.getTime();
  if (ageMs > rotateMs) {
    const sentence = `The keys have been in use since ${since.toISOString().slice(0, 10)}; the policy wants new ones every ${durationInWords(rotateMs)}.`;
    const remedy = "Rotate them: docs/keys.md has the steps.";
    return [{ level: "warning", code: "keys-overdue", sentence, publicSentence: sentence, remedy }];
  }
  const isOldestOfAll = uses.every(({ time }) => time >= since);
  if (!isOldestOfAll) return [];
  const sentence = `The keys are at least as old as the oldest backup that is left, of ${since.toISOString().slice(0, 10)}; how old, no backup tells.`;
  const remedy = `Write down when they were made, and rotate them every ${durationInWords(rotateMs)}.`;
  return [{ level: "info", code: "keys-of-unknown-age", sentence, publicSentence: sentence, remedy }];
}

function nameOf({ recipients }: KeyUse): string {
  return recipients.toSorted().join();
}
