/** Inputs of every backup: where it is kept, for whom it is sealed, why and how long it is kept. */
import { LifeboatError } from "../errors.ts";
import type { InputReader } from "../runner/input-reader.ts";
import { parseRecipients, type Recipients } from "../seal/recipients.ts";
import { baseTier } from "../policy/defaults.ts";
import { longestTierDays } from "../retention/lifetime.ts";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { StoreAddress } from "../store/open-store.ts";
import { type Expected, type Policy, type PolicyWaiver, policyWaivers } from "../policy/policy.ts";
import type { Finding } from "../verification/findings.ts";
import { type CopyToInput, copyToInputs, mostDays } from "./copy-to-inputs.ts";
import { daysInStore, furtherStores } from "./policy-retention.ts";
import { requireSigner, signingKeyInput } from "./policy-secrets.ts";
import type { ChosenSource } from "./policy-source.ts";
import { parseSource } from "./source-name.ts";
import { storeInputs, type StoreInputs } from "./surroundings.ts";
import { type BackupTrust, ledgerInput } from "./trust-inputs.ts";

export interface BackupInputs extends BackupTrust {
  readonly source: string;
  readonly store: StoreInputs;
  readonly recipients: Recipients;
  readonly tiers: readonly Tier[];
  readonly retentionDays: number;
  /** Further stores, to which everything that the first one keeps is copied. */
  readonly copyTo: readonly CopyToInput[];
  /** What is knowingly done without. */
  readonly waive: readonly PolicyWaiver[];
  /** The least that the policy expects of it. */
  readonly expect?: Expected;
  /** What the inputs and the policy leave open. */
  readonly findings: readonly Finding[];
}

export interface BackupDefaults {
  readonly source: string;
  /** Everything that is not given comes from its policy. */
  readonly chosen: ChosenSource | undefined;
  /** A shard signs nothing. Default true. */
  readonly signs?: boolean;
}

export function backupInputs(
  read: InputReader,
  { source, chosen, signs = true }: BackupDefaults,
): BackupInputs {
  const policy = chosen?.policy;
  const tiersWanted = read.parsed("tiers", parseTiers, [
    chosen === undefined ? "daily" : baseTier(chosen.source.everyMs),
  ]);
  const store = storeInputs(read, policy);
  // Undefined after a problem with the address, which is reported with the others.
  const address = store.address as StoreAddress | undefined;
  const most = mostDays[address?.kind ?? "artifacts"];
  const chosenTiers = (tiersWanted as typeof tiersWanted | undefined) ?? [];
  const { ofPolicy } = store;
  const days =
    policy === undefined || ofPolicy === undefined
      ? longestTierDays(chosenTiers)
      : daysInStore(ofPolicy.of, policy, chosenTiers);
  const further =
    policy === undefined || ofPolicy === undefined
      ? []
      : furtherStores(ofPolicy.further, policy, chosenTiers);
  const signingKey = signingKeyInput(read, chosen);
  if (policy !== undefined && signs) requireSigner(read, signingKey, policy);
  const waive = read.parsed("waive", parseWaivers, policy?.waive ?? []);
  if (policy !== undefined) requireKeptTier(read, policy, chosenTiers);
  return {
    source: read.parsed("source", parseSource, chosen?.source.name ?? source),
    store,
    recipients: readRecipients(read, read.optional.secret("passphrase"), policy?.recipients),
    tiers: tiersWanted,
    retentionDays: read.integer("retention-days", { min: 1, max: most }, Math.min(most, days)),
    signingKey,
    ledgerPlace: ledgerInput(read),
    signers: policy?.signers ?? [],
    copyTo: copyToInputs(read, "copy-to", further),
    waive,
    ...(chosen?.source.expect === undefined ? {} : { expect: chosen.source.expect }),
    findings: [
      ...(chosen?.waived ?? []),
      ...(chosen === undefined || !signs ? [] : signingFindings(signingKey, waive)),
    ],
  };
}

/** A passphrase stands in for the recipients of a policy. */
export function readRecipients(
  read: InputReader,
  passphrase: string | undefined,
  ofPolicy: readonly string[] = [],
): Recipients {
  const texts = read.optional.list("recipients") ?? (passphrase === undefined ? ofPolicy : []);
  try {
    return parseRecipients(texts, passphrase);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    read.problem("recipients", error.message, error.hint);
    return undefined as never;
  }
}

/** Where a policy exists, signing is what is expected: recipients are public, so anybody could seal a forgery. */
function signingFindings(
  signingKey: SigningKey | undefined,
  waive: readonly PolicyWaiver[] | undefined,
): readonly Finding[] {
  if (signingKey !== undefined || waive?.includes("signing") === true) return [];
  const sentence =
    "The backup is not signed: whoever can write into the store can put a forged backup there, and nobody could tell.";
  const remedy =
    "Set LIFEBOAT_SIGNING_KEY below the step's `env:` (docs/keys.md) and put its public half into the policy's `signer`, or write `waive: [signing]`.";
  return [{ level: "warning", code: "signing-missing", sentence, publicSentence: sentence, remedy }];
}

/** What no store is asked to keep would be removed by the next prune. */
function requireKeptTier(read: InputReader, { retention, stores }: Policy, chosen: readonly Tier[]): void {
  const isKept = (tier: Tier): boolean =>
    [retention.tiers, ...stores.flatMap((store) => store.retention ?? [])].some(
      (kept) => kept[tier] !== undefined,
    );
  if (chosen.length === 0 || chosen.some(isKept)) return;
  read.problem(
    "tiers",
    `the policy keeps no ${chosen.join(" and no ")} backups.`,
    `Name others (${tiers.filter(isKept).join(", ")}), or add them to the policy's retention.`,
  );
}

function parseWaivers(text: string): readonly PolicyWaiver[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const known = policyWaivers.filter((waiver) => words.includes(waiver));
  if (words.length === known.length) return known;
  throw new LifeboatError("input-invalid", `not a list of ${policyWaivers.join(", ")}.`, { hint: "" });
}

function parseTiers(text: string): readonly Tier[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const unknown = words.filter((word) => !tiers.some((tier) => tier === word));
  if (words.length === 0 || unknown.length > 0) {
    throw new LifeboatError("input-invalid", `not a list of ${tiers.join(", ")}.`, { hint: "" });
  }
  return tiers.filter((tier) => words.includes(tier));
}
