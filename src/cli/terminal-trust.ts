/** Whom a terminal believes: the given signers, and the ledger where one is kept; and what it tells that ledger. */
import type { BackupInputs } from "../actions/backup-inputs.ts";
import type { StoreInputs, Surroundings } from "../actions/surroundings.ts";
import { backupLedger, trustOf, type TrustInputs } from "../actions/trust-inputs.ts";
import { type Done, witnessed } from "../actions/witnessed.ts";
import { endOfLedger } from "../ledger/end.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Trust } from "../operations/vouched-documents.ts";
import type { SeenLedger } from "../snapshot/snapshot-json.ts";
import { terminalActor, terminalGitHub } from "./cli-surroundings.ts";
import type { CommandResult } from "./exit.ts";

export function terminalTrust(
  { trust, store }: { readonly trust: TrustInputs; readonly store: StoreInputs },
  surroundings: Surroundings,
): Trust {
  return trustOf(trust, [], { ...surroundings, github: terminalGitHub(store) });
}

/** `work` is given the ledger's end, which the snapshot remembers, and the ledger. */
export async function witnessedBackup(
  act: string,
  inputs: BackupInputs,
  surroundings: Surroundings,
  work: (seenLedger: SeenLedger | undefined, ledger: Ledger | undefined) => Promise<Done<CommandResult>>,
): Promise<CommandResult> {
  const { store, logger } = surroundings;
  const ledger = backupLedger(inputs, { ...surroundings, github: terminalGitHub(inputs.store) });
  const about = { act, source: inputs.source, store, by: terminalActor() };
  return await witnessed(ledger, about, surroundings, async () =>
    work(await endOfLedger(ledger, logger), ledger),
  );
}

/** A dry run does nothing that a ledger would have to know. */
export async function witnessedRestore(
  { dryRun }: { readonly dryRun: boolean },
  source: string,
  { ledger }: Trust,
  surroundings: Surroundings,
  work: () => Promise<Done<CommandResult>>,
): Promise<CommandResult> {
  const act = { act: "restore", source, store: surroundings.store, by: terminalActor() };
  return await witnessed(dryRun ? undefined : ledger, act, surroundings, work);
}
