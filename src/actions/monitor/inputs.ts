/** The inputs of `monitor` and the flags of `lifeboat monitor`. */
import { resolve } from "node:path";
import { LifeboatError } from "../../errors.ts";
import type { JobReport } from "../../monitoring/judge-workflow.ts";
import type { WatchRequest } from "../../operations/monitor.ts";
import type { Policy } from "../../policy/policy.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import type { Finding } from "../../verification/findings.ts";
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
  /** File for the status page, as it was given; undefined: none. */
  readonly statusPage: string | undefined;
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
    statusPage: read.optional.parsed("status-page", pagePath),
  };
}

/** `folder`: what the page's path starts from. */
export function watchRequest(
  { needs, workflows, send, statusPage }: MonitorInputs,
  { policy, findings }: { readonly policy: Policy; readonly findings: readonly Finding[] },
  folder: string,
): WatchRequest {
  return {
    policy,
    policyNotes: findings,
    ...(needs === undefined ? {} : { jobs: needs }),
    workflows,
    isSending: send,
    ...(statusPage === undefined ? {} : { statusPage: resolve(folder, statusPage) }),
  };
}

/** The ending keeps a mistyped path from replacing a file of another kind. */
function pagePath(text: string): string {
  if (/[^/]\.html$/.test(text)) return text;
  throw new LifeboatError("input-invalid", "not the path of an .html file.", {
    hint: "Write for example status/index.html.",
  });
}
