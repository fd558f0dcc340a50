/** Who vouches for snapshots, evidence and tombstones: signatures, and a ledger. */
import { LifeboatError } from "../errors.ts";
import { githubLedger } from "../ledger/github-branch.ts";
import { handedOn } from "../ledger/handed-on.ts";
import { type Ledger, storeLedger } from "../ledger/ledger.ts";
import type { Trust } from "../operations/vouched-documents.ts";
import type { InputReader } from "../runner/input-reader.ts";
import type { RunContext } from "../runner/environment.ts";
import { publicKeyPem, type SigningKey } from "../snapshot/signature.ts";
import { parseSigners, type Signers } from "../snapshot/signed-document.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Policy } from "../policy/policy.ts";
import { signingKeyInput } from "./policy-secrets.ts";
import type { ChosenSource } from "./policy-source.ts";

const ledgerPlaces = ["none", "branch", "store"] as const;
export type LedgerPlace = (typeof ledgerPlaces)[number];

export interface WitnessInputs {
  readonly signer: string | undefined;
  readonly ledger: LedgerPlace;
}

export interface TrustInputs extends WitnessInputs {
  readonly signingKey: SigningKey | undefined;
}

export function witnessInputs(read: InputReader): WitnessInputs {
  return {
    signer: read.optional.parsed("signer", (text) => parseSigners(text).join("\n")),
    ledger: ledgerInput(read),
  };
}

export function ledgerInput(read: InputReader): LedgerPlace {
  return read.enum("ledger", ledgerPlaces, "none");
}

/** With a source of a policy also what that says of signatures. */
export function trustInputs(read: InputReader, chosen?: ChosenSource): TrustInputs {
  const { signer = signersText(chosen?.policy), ledger } = witnessInputs(read);
  return { signer, ledger, signingKey: signingKeyInput(read, chosen) };
}

export function signersText(policy: Policy | undefined): string | undefined {
  return policy === undefined || policy.signers.length === 0 ? undefined : policy.signers.join("\n");
}

/** What the ledger on a branch needs. */
export interface GitHubPlace {
  readonly repository: string | undefined;
  readonly token: string | undefined;
  readonly apiUrl: string;
}

export interface LedgerMeans {
  /** Only asked for where the ledger is kept in it. */
  readonly store: Store;
  readonly clock: Clock;
  readonly github: GitHubPlace;
}

export function openLedger(
  place: LedgerPlace,
  signingKey: SigningKey | undefined,
  means: LedgerMeans,
  signers: Signers,
): Ledger | undefined {
  if (place === "none") return undefined;
  if (place === "store") return storeLedger(means.store, means.clock, { signingKey, signers });
  return openBranchLedger(signingKey, means);
}

export function openBranchLedger(
  signingKey: SigningKey | undefined,
  { clock, github }: Pick<LedgerMeans, "clock" | "github">,
): Ledger {
  const [owner, name] = (github.repository ?? "").split("/");
  if (owner === undefined || name === undefined || github.token === undefined) {
    throw new LifeboatError("input-invalid", "The ledger's branch needs a repository and a token.", {
      hint: "In a workflow pass `github-token`; on a terminal set GITHUB_REPOSITORY and GITHUB_TOKEN.",
    });
  }
  const { token, apiUrl } = github;
  return githubLedger({ repository: { owner, name }, token, apiUrl, clock, signingKey });
}

export interface BackupTrust {
  readonly ledgerPlace: LedgerPlace;
  /** The policy's: whose records of a ledger in a store count. */
  readonly signers: Signers;
  readonly signingKey: SigningKey | undefined;
}

/** The ledger that a backup is told to. */
export function backupLedger(
  { ledgerPlace, signers, signingKey }: BackupTrust,
  means: LedgerMeans,
): Ledger | undefined {
  const trusted = signersOf({ signer: undefined, ledger: ledgerPlace, signingKey }, signers);
  return openLedger(ledgerPlace, signingKey, means, trusted);
}

/** Which earlier snapshots a backup builds on and copies. */
export function backupTrustOf(
  { ledgerPlace, signers, signingKey }: BackupTrust,
  ledger: Ledger | undefined,
): Trust {
  return { signers: signersOf({ signer: undefined, ledger: ledgerPlace, signingKey }, signers), ledger };
}

/** The ledger that a verification writes to. */
export function verificationLedger(
  inputs: { readonly ledgerPlace: LedgerPlace } & Pick<TrustInputs, "signer" | "signingKey">,
  means: LedgerMeans,
): Ledger | undefined {
  const signers = signersOf({ ...inputs, ledger: inputs.ledgerPlace }, []);
  return openLedger(inputs.ledgerPlace, inputs.signingKey, means, signers);
}

/** Of a job that may not write into the repository: what it would append there is left in `file`. */
export function handingOn(
  ledger: Ledger | undefined,
  place: LedgerPlace,
  file: string | undefined,
): Ledger | undefined {
  return ledger === undefined || file === undefined || place !== "branch" ? ledger : handedOn(ledger, file);
}

/** The signers given, else the policy's, else the signing key's own public half. */
function signersOf(inputs: TrustInputs, ofPolicy: Signers): Signers {
  if (inputs.signer !== undefined) return parseSigners(inputs.signer);
  if (ofPolicy.length > 0) return ofPolicy;
  return inputs.signingKey === undefined ? [] : [publicKeyPem(inputs.signingKey)];
}

export function trustOf(inputs: TrustInputs, ofPolicy: Signers, means: LedgerMeans): Trust {
  const signers = signersOf(inputs, ofPolicy);
  return { signers, ledger: openLedger(inputs.ledger, inputs.signingKey, means, signers) };
}

export function githubOf(
  { repository, apiUrl }: Pick<RunContext, "repository" | "apiUrl">,
  token: string | undefined,
): GitHubPlace {
  return { repository, token, apiUrl };
}

/** Who pressed the button, or changed the schedule last. */
export function actorOfRun({ actor = "unknown", runUrl }: Pick<RunContext, "actor" | "runUrl">): Actor {
  return { name: actor, ...(runUrl === undefined ? {} : { run: runUrl }) };
}
