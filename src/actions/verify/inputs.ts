/** The inputs of `verify` and the flags of `lifeboat verify`. */
import { levels, type VerifyLevel } from "../../operations/verify-snapshot.ts";
import type { SnapshotChoice } from "../../operations/locate-snapshot.ts";
import { type Connection, parseConnection } from "../../postgres/connection.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import type { Identities } from "../../seal/identities.ts";
import { parseSource } from "../backup-inputs.ts";
import { optionalIdentities, snapshotChoice } from "../snapshot-inputs.ts";
import { type LedgerPlace, trustInputs, type TrustInputs } from "../trust-inputs.ts";
import { storeInputs, type StoreInputs } from "../surroundings.ts";

export interface VerifyInputs extends Pick<TrustInputs, "signer" | "signingKey"> {
  readonly ledgerPlace: LedgerPlace;
  readonly store: StoreInputs;
  readonly source: string | undefined;
  readonly choice: SnapshotChoice;
  readonly level: VerifyLevel;
  readonly identities: Identities | undefined;
  /** Names of components or `extension:NAME` whose lack of proof is accepted; shown in every report. */
  readonly waive: readonly string[];
  /** Where `restored` restores to, instead of a throwaway server. */
  readonly server: Connection | undefined;
  readonly postgresBin: string | undefined;
  readonly jobs: number;
}

export function verifyInputs(read: InputReader): VerifyInputs {
  const level = read.enum("level", levels, "unsealed");
  const identities = optionalIdentities(read);
  if ((level === "unsealed" || level === "restored") && identities === undefined) {
    read.problem(
      "level",
      `${level} needs the key.`,
      "Give the identity, or check `stored`, which needs none.",
    );
  }
  const { signer, signingKey, ledger } = trustInputs(read);
  return {
    signer,
    signingKey,
    ledgerPlace: ledger,
    store: storeInputs(read),
    source: read.optional.parsed("source", parseSource),
    choice: snapshotChoice(read),
    level,
    identities,
    waive: read.optional.list("waive") ?? [],
    server: read.optional.secret("server-url", (text) => parseConnection(text, "server URL")),
    postgresBin: read.optional.string("postgres-bin"),
    jobs: read.integer("jobs", { min: 1, max: 16 }, 2),
  };
}
