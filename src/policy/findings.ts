/** What a sound policy leaves open: said in every report, so that nobody finds out on the bad day. */
import type { Finding } from "../verification/findings.ts";
import { dayMs, durationInWords, paceInWords } from "./durations.ts";
import { artifactDaysLimit, type Policy, type PolicyWaiver, type Visibility } from "./policy.ts";

const hourMs = 3_600_000;

export function policyFindings(policy: Policy, visibility: Visibility | undefined): readonly Finding[] {
  return [
    ...copies(policy),
    ...years(policy),
    ...artifactLimit(policy, visibility),
    ...policy.waive.map((waiver) => warning("policy-waived", ...waiverWords[waiver])),
    ...paces(policy),
  ];
}

const waiverWords: Readonly<Record<PolicyWaiver, readonly [sentence: string, remedy: string]>> = {
  "second-recipient": [
    "The policy waives a second recipient: whoever loses the one key has no backups.",
    "Add the public key of an identity that is kept offline.",
  ],
  signing: [
    "The policy waives signatures: whoever can write into the store can put a forged backup there.",
    "Set LIFEBOAT_SIGNING_KEY and take the waiver out.",
  ],
};

function copies({ stores }: Policy): readonly Finding[] {
  const [only, ...others] = stores;
  if (only === undefined || others.length > 0) return [];
  const sentence =
    only.type === "github-artifacts"
      ? "There is one copy of each backup: it dies with the repository."
      : "There is one copy of each backup: it dies with its store.";
  return [warning("policy-one-copy", sentence, "Add a second store, for example S3 at another provider.")];
}

function years({ retention, stores }: Policy): readonly Finding[] {
  const missing = (["monthly", "yearly"] as const).filter((tier) => retention.tiers[tier] === undefined);
  if (missing.length === 0) return [];
  const needsStore = stores.every(({ type }) => type === "github-artifacts");
  const what = missing.join(" and ");
  return [
    warning(
      "policy-no-long-tiers",
      `No ${what} backups are kept${needsStore ? `: ${what} need${missing.length === 1 ? "s" : ""} an S3 store` : ""}.`,
      needsStore
        ? "Add an S3 store, and `monthly: 1y, yearly: 7y` to retention."
        : "Add `monthly: 1y, yearly: 7y` to retention, if the law or your auditors ask for years.",
    ),
  ];
}

function artifactLimit(policy: Policy, visibility: Visibility | undefined): readonly Finding[] {
  if (visibility !== undefined) return [];
  const { public: inPublic, private: inPrivate } = artifactDaysLimit;
  const hasOther = policy.stores.some(({ type }) => type !== "github-artifacts");
  const asked = policy.stores
    .filter(({ type }) => type === "github-artifacts")
    .flatMap((store) => Object.values(store.retention ?? (hasOther ? {} : policy.retention.tiers)));
  const doubtful = asked.some((ms) => ms > inPublic * dayMs && ms <= inPrivate * dayMs);
  if (!doubtful) return [];
  return [
    warning(
      "policy-artifact-days",
      `GitHub artifacts are asked to live longer than ${inPublic} days, which only private repositories allow (up to ${inPrivate}).`,
      "In a public repository keep these backups in an S3 store.",
    ),
  ];
}

function paces({ sources }: Policy): readonly Finding[] {
  return sources.flatMap((source) => {
    const isPushed = source.type === "application" && source.onPush;
    if (source.everyMs < hourMs) {
      return [
        warning(
          "policy-faster-than-heartbeat",
          `"${source.name}" asks for a backup every ${paceInWords(source.everyMs)}, but the heartbeat runs hourly.`,
          "Add a schedule of your own that calls the workflow that often; GitHub allows every 5 minutes at most.",
        ),
      ];
    }
    if (isPushed || source.rpoMs > source.everyMs) return [];
    const sentence = `"${source.name}" can lose a bit more than ${durationInWords(source.rpoMs)}: a backup every ${paceInWords(source.everyMs)} plus GitHub's delay.`;
    const remedy = "Accept it, back up more often, or state a longer objective.";
    return [{ level: "info" as const, code: "policy-rpo-tight", sentence, publicSentence: sentence, remedy }];
  });
}

function warning(code: string, sentence: string, remedy: string): Finding {
  return { level: "warning", code, sentence, publicSentence: sentence, remedy };
}
