import { resolve } from "node:path";
import { appendHandedOn } from "../../ledger/handed-on.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { loadPolicy } from "../policy-inputs.ts";
import { actorOfRun, githubOf, openBranchLedger } from "../trust-inputs.ts";
import { handoverInputs } from "./inputs.ts";
import { reportHandover } from "./report.ts";

export async function witness(runner: Runner): Promise<ActionResult> {
  const { folder, policy: file, token } = runner.readInputs(handoverInputs);
  const { clock, context } = runner;
  const { policy } = await loadPolicy(file, { folder: context.workspace, required: true });
  const report = await appendHandedOn({
    folder: resolve(context.workspace, folder),
    sources: policy.sources.map(({ name }) => name),
    ledger: openBranchLedger(undefined, { clock, github: githubOf(context, token) }),
    by: actorOfRun(context),
    commit: context.sha,
    now: clock.now(),
  });
  return reportHandover(report);
}
