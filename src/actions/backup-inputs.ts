/** Inputs of every backup: where it is kept, for whom it is sealed, why and how long it is kept. */
import { LifeboatError } from "../errors.ts";
import type { InputReader } from "../runner/input-reader.ts";
import { parseRecipients, type Recipients } from "../seal/recipients.ts";
import { longestTierDays } from "../retention/lifetime.ts";
import { isSourceName, sourceNameRule } from "../snapshot/keys.ts";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import { parseSigningKey, type SigningKey } from "../snapshot/signature.ts";
import type { StoreAddress } from "../store/open-store.ts";
import type { PolicyWaiver } from "../policy/policy.ts";
import { type CopyToInput, copyToInputs, mostDays } from "./copy-to-inputs.ts";
import { storeInputs, type StoreInputs } from "./surroundings.ts";

export interface BackupInputs {
  readonly source: string;
  readonly store: StoreInputs;
  readonly recipients: Recipients;
  readonly tiers: readonly Tier[];
  readonly retentionDays: number;
  readonly signingKey: SigningKey | undefined;
  /** Further stores, to which everything that the first one keeps is copied. */
  readonly copyTo: readonly CopyToInput[];
  /** What is knowingly done without. */
  readonly waive: readonly PolicyWaiver[];
}

const backupWaivers = ["second-recipient"] as const satisfies readonly PolicyWaiver[];

export function backupInputs(read: InputReader, defaultSource: string): BackupInputs {
  const chosen = read.parsed("tiers", parseTiers, ["daily"]);
  const store = storeInputs(read);
  // Undefined after a problem with the address, which is reported with the others.
  const address = store.address as StoreAddress | undefined;
  const most = mostDays[address?.kind ?? "artifacts"];
  const chosenTiers = (chosen as typeof chosen | undefined) ?? [];
  return {
    source: read.parsed("source", parseSource, defaultSource),
    store,
    recipients: readRecipients(read, read.optional.secret("passphrase")),
    tiers: chosen,
    retentionDays: read.integer(
      "retention-days",
      { min: 1, max: most },
      Math.min(most, longestTierDays(chosenTiers)),
    ),
    signingKey: read.optional.secret("signing-key", parseSigningKey),
    copyTo: copyToInputs(read, "copy-to"),
    waive: read.parsed("waive", parseWaivers, []),
  };
}

export function readRecipients(read: InputReader, passphrase: string | undefined): Recipients {
  const texts = read.optional.list("recipients") ?? [];
  try {
    return parseRecipients(texts, passphrase);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    read.problem("recipients", error.message, error.hint);
    return undefined as never;
  }
}

export function parseSource(text: string): string {
  if (isSourceName(text)) return text;
  throw new LifeboatError("input-invalid", `not ${sourceNameRule}.`, { hint: "" });
}

function parseWaivers(text: string): readonly PolicyWaiver[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const known = backupWaivers.filter((waiver) => words.includes(waiver));
  if (words.length === known.length) return known;
  throw new LifeboatError("input-invalid", `not a list of ${backupWaivers.join(", ")}.`, { hint: "" });
}

function parseTiers(text: string): readonly Tier[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const unknown = words.filter((word) => !tiers.some((tier) => tier === word));
  if (words.length === 0 || unknown.length > 0) {
    throw new LifeboatError("input-invalid", `not a list of ${tiers.join(", ")}.`, { hint: "" });
  }
  return tiers.filter((tier) => words.includes(tier));
}
