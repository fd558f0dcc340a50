/** The inputs of `monitor` and the flags of `lifeboat monitor`. */
import type { JobReport } from "../../monitoring/judge-workflow.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import { policyInput } from "../policy-inputs.ts";
import { policyStoreInputs, type PolicyStoreInputs } from "../policy-stores.ts";
import { type WitnessInputs, witnessInputs } from "../trust-inputs.ts";
import { parseNeeds } from "./needs.ts";

export interface MonitorInputs {
  readonly policy: string;
  readonly store: PolicyStoreInputs;
  readonly witness: WitnessInputs;
  /** Undefined: nobody said what the jobs did. */
  readonly needs: readonly JobReport[] | undefined;
  /** File names of the workflows whose schedules must be alive. */
  readonly workflows: readonly string[];
  /** Whether anybody is told, and anything is enabled. */
  readonly send: boolean;
}

const ourWorkflows = ["backup.yml", "verify.yml", "drill.yml", "monitor.yml"];

export function monitorInputs(read: InputReader): MonitorInputs {
  return {
    policy: policyInput(read),
    store: policyStoreInputs(read),
    witness: witnessInputs(read),
    needs: read.optional.parsed("needs", parseNeeds),
    workflows: read.optional.list("workflows") ?? ourWorkflows,
    send: read.boolean("send", false),
  };
}
