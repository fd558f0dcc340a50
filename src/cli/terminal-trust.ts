/** Whom a terminal believes: the given signers, and the ledger where one is kept. */
import type { StoreInputs, Surroundings } from "../actions/surroundings.ts";
import { trustOf, type WitnessInputs } from "../actions/trust-inputs.ts";
import type { Trust } from "../operations/vouched-documents.ts";
import { terminalGitHub } from "./cli-surroundings.ts";

export function terminalTrust(
  { witness, store }: { readonly witness: WitnessInputs; readonly store: StoreInputs },
  surroundings: Surroundings,
): Trust {
  return trustOf({ ...witness, signingKey: undefined }, [], {
    ...surroundings,
    github: terminalGitHub(store),
  });
}
