/** Whom a terminal believes: the given signers, and the ledger where one is kept. */
import type { StoreInputs, Surroundings } from "../actions/surroundings.ts";
import { trustOf, type TrustInputs } from "../actions/trust-inputs.ts";
import { type Done, witnessed } from "../actions/witnessed.ts";
import type { Trust } from "../operations/vouched-documents.ts";
import { terminalActor, terminalGitHub } from "./cli-surroundings.ts";
import type { CommandResult } from "./exit.ts";

export function terminalTrust(
  { trust, store }: { readonly trust: TrustInputs; readonly store: StoreInputs },
  surroundings: Surroundings,
): Trust {
  return trustOf(trust, [], { ...surroundings, github: terminalGitHub(store) });
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
