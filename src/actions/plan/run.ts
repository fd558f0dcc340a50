import { agreedClock } from "../../operations/agree-on-time.ts";
import { planBackups } from "../../operations/plan-backups.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { otherRuns } from "../../runner/workflow-runs.ts";
import { githubSurroundings } from "../surroundings.ts";
import { loadPolicy } from "../policy-inputs.ts";
import { openPolicyStores } from "../policy-stores.ts";
import { githubOf, trustOf } from "../trust-inputs.ts";
import { planInputs } from "./inputs.ts";
import { reportPlan } from "./report.ts";

export async function plan(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(planInputs);
  const { clock, context, logger } = runner;
  const { policy, findings } = await loadPolicy(inputs.policy, {
    folder: context.workspace,
    required: false,
  });
  const github = githubSurroundings(runner, inputs.store);
  const stores = openPolicyStores(policy, inputs.store, { clock, logger, github }).map(({ store }) => store);
  const [store] = stores;
  const report = await planBackups({
    policy,
    stores,
    trust:
      store === undefined
        ? { signers: policy.signers }
        : trustOf({ ...inputs.witness, signingKey: undefined }, policy.signers, {
            store,
            clock,
            github: githubOf(context, inputs.store.token),
          }),
    now: (await agreedClock(clock, store)).now(),
    isPush: context.eventName === "push",
    otherRuns: await otherRuns(context, inputs.store.token, logger),
    logger,
  });
  const group = `run-${context.runId ?? "0"}`;
  return reportPlan({ plan: report, findings, storageShards: inputs.storageShards, group });
}
