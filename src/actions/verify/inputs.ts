/** The inputs of `verify` and the flags of `lifeboat verify`. */
import { levels, type VerifyLevel } from "../../operations/verify-snapshot.ts";
import type { SnapshotChoice } from "../../operations/locate-snapshot.ts";
import { type Connection, parseConnection } from "../../postgres/connection.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import type { Identities } from "../../seal/identities.ts";
import { parseSource } from "../source-name.ts";
import { optionalIdentities, snapshotChoice } from "../snapshot-inputs.ts";
import type { ChosenSource } from "../policy-source.ts";
import type { SqlCheck } from "../../policy/policy.ts";
import type { Finding } from "../../verification/findings.ts";
import { type LedgerPlace, type TrustInputs, trustInputs } from "../trust-inputs.ts";
import { storeInputs, type StoreInputs } from "../surroundings.ts";

export interface VerifyInputs extends Pick<TrustInputs, "signer" | "signingKey"> {
  readonly ledgerPlace: LedgerPlace;
  /** Where entries for the ledger's branch are left instead of being appended. */
  readonly ledgerFile: string | undefined;
  readonly store: StoreInputs;
  readonly source: string | undefined;
  readonly choice: SnapshotChoice;
  readonly level: VerifyLevel;
  readonly identities: Identities | undefined;
  /** Names of components or `extension:NAME` whose lack of proof is accepted; shown in every report. */
  readonly waive: readonly string[];
  /** The policy's own questions to a restored database. */
  readonly checks: readonly SqlCheck[];
  /** The policy's pace of new keys; absent: nobody asks how old they are. */
  readonly rotateKeysMs: number | undefined;
  /** What the policy knowingly does without. */
  readonly findings: readonly Finding[];
  /** Where `restored` restores to, instead of a throwaway server. */
  readonly server: Connection | undefined;
  /** Runs contents that cannot be isolated all the same. */
  readonly trustContents: boolean;
  readonly postgresBin: string | undefined;
  readonly jobs: number;
}

export function verifyInputs(read: InputReader, chosen?: ChosenSource): VerifyInputs {
  const policy = chosen?.policy;
  const level = read.enum("level", levels, "unsealed");
  const identities = optionalIdentities(read);
  if ((level === "unsealed" || level === "restored") && identities === undefined) {
    read.problem(
      "level",
      `${level} needs the key.`,
      "Give the identity, or check `stored`, which needs none.",
    );
  }
  const { signer, signingKey, ledger } = trustInputs(read, chosen);
  return {
    signer,
    signingKey,
    ledgerPlace: ledger,
    ledgerFile: read.optional.string("ledger-file"),
    store: storeInputs(read, policy),
    source: read.optional.parsed("source", parseSource) ?? chosen?.source.name,
    choice: snapshotChoice(read),
    level,
    identities,
    waive: read.optional.list("waive") ?? policy?.verify.waive ?? [],
    checks: policy?.verify.checks ?? [],
    rotateKeysMs: policy?.keys.rotateMs,
    findings: chosen?.waived ?? [],
    server: read.optional.secret("server-url", (text) => parseConnection(text, "server URL")),
    trustContents: read.optional.boolean("trust-contents") ?? policy?.verify.trustContents ?? false,
    postgresBin: read.optional.string("postgres-bin"),
    jobs: read.integer("jobs", { min: 1, max: 16 }, 2),
  };
}
