/** The inputs of `rotate-keys` and the flags of `lifeboat rotate-keys`. */
import { LifeboatError } from "../../errors.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import type { Identities } from "../../seal/identities.ts";
import { classifyRecipient, type Recipients } from "../../seal/recipients.ts";
import { readRecipients } from "../backup-inputs.ts";
import type { ChosenSource } from "../policy-source.ts";
import { parseSource } from "../source-name.ts";
import { optionalIdentities } from "../snapshot-inputs.ts";
import { type TrustInputs, trustInputs } from "../trust-inputs.ts";
import { storeInputs, type StoreInputs } from "../surroundings.ts";

export interface RotateKeysInputs {
  readonly store: StoreInputs;
  /** Signs the ledger's record; headers need no signature. */
  readonly trust: TrustInputs;
  readonly source: string | undefined;
  readonly identities: Identities;
  readonly recipients: Recipients;
  /** Public keys that open indexes besides. */
  readonly indexRecipients: readonly string[];
  readonly retentionDays?: number;
  readonly dryRun: boolean;
  readonly jobs: number;
  readonly postgresBin: undefined;
}

export function rotateKeysInputs(read: InputReader, chosen?: ChosenSource): RotateKeysInputs {
  const identities = optionalIdentities(read);
  if (identities === undefined) {
    read.problem(
      "identity",
      "is missing.",
      "Give the identity that opens the backups as they are: the old one.",
    );
  }
  const indexRecipient = read.optional.parsed("index-recipient", parseRecipient);
  const retentionDays = read.optional.integer("retention-days", { min: 1, max: 100 * 366 });
  return {
    store: storeInputs(read, chosen?.policy),
    trust: trustInputs(read, chosen),
    source: read.optional.parsed("source", parseSource) ?? chosen?.source.name,
    // After the problem above this object is thrown away.
    identities: identities as Identities,
    recipients: readRecipients(read, undefined, chosen?.policy.recipients),
    indexRecipients: indexRecipient === undefined ? [] : [indexRecipient],
    ...(retentionDays === undefined ? {} : { retentionDays }),
    dryRun: read.boolean("dry-run", false),
    jobs: read.integer("jobs", { min: 1, max: 32 }, 4),
    postgresBin: undefined,
  };
}

function parseRecipient(text: string): string {
  const classified = classifyRecipient(text);
  if ("class" in classified) return text;
  throw new LifeboatError("input-invalid", `the index recipient ${classified.problem}.`, {
    hint: "Give the public key of the new index identity.",
  });
}
