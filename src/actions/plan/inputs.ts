/** The inputs of `plan` and the flags of `lifeboat plan`. */
import type { InputReader } from "../../runner/input-reader.ts";
import { policyInput } from "../policy-inputs.ts";
import { policyStoreInputs, type PolicyStoreInputs } from "../policy-stores.ts";
import { type WitnessInputs, witnessInputs } from "../trust-inputs.ts";

export interface PlanInputs {
  readonly policy: string;
  readonly store: PolicyStoreInputs;
  readonly witness: WitnessInputs;
  /** Jobs that share the first backup of buckets; absent: as the policy says. */
  readonly storageShards: number | undefined;
}

export function planInputs(read: InputReader): PlanInputs {
  return {
    policy: policyInput(read),
    store: policyStoreInputs(read),
    witness: witnessInputs(read),
    // GitHub starts at most 256 jobs of one matrix; other sources want some of them.
    storageShards: read.optional.integer("storage-shards", { min: 1, max: 200 }),
  };
}
