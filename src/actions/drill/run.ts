import { join, resolve } from "node:path";
import { LifeboatError } from "../../errors.ts";
import { agreedClock } from "../../operations/agree-on-time.ts";
import { planDrills } from "../../operations/plan-drills.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { policyMeans, runnerSurroundings, storeInputs } from "../surroundings.ts";
import { actorOfRun, githubOf, trustInputs, trustOf } from "../trust-inputs.ts";
import { drillInputs, drillModes, type DrillPolicy, drillPolicy } from "./inputs.ts";
import { performDrill } from "./perform.ts";
import { reportDrill, reportDue } from "./report.ts";

export async function drill(runner: Runner): Promise<ActionResult> {
  const mode = runner.readInputs((read) => read.enum("kind", drillModes));
  const policy = await drillPolicy(policyMeans(runner));
  if (mode === "due") return await sayWhatIsDue(runner, policy);
  const inputs = runner.readInputs((read) => drillInputs(read, mode, policy));
  const { context } = runner;
  const report = inputs.report === undefined ? undefined : join(context.workspace, inputs.report);
  const { workspace } = context;
  const ledgerFile = inputs.ledgerFile === undefined ? undefined : resolve(workspace, inputs.ledgerFile);
  const done = await performDrill(
    { ...inputs, report, ledgerFile },
    {
      github: githubOf(context, inputs.store.token),
      by: actorOfRun(context),
      commit: context.sha,
    },
    await runnerSurroundings(runner, inputs),
  );
  return reportDrill(done);
}

/** Needs no identity: snapshots and evidence are read as they stand in the store. */
async function sayWhatIsDue(runner: Runner, named: DrillPolicy | undefined): Promise<ActionResult> {
  if (named === undefined) {
    throw new LifeboatError("input-invalid", "What is due stands in a policy, and none is given.", {
      hint: "Set `policy` to the policy file.",
    });
  }
  const { policy } = named;
  const inputs = runner.readInputs((read) => ({
    store: storeInputs(read, policy),
    trust: trustInputs(read),
  }));
  const { store, clock } = await runnerSurroundings(runner, { ...inputs, postgresBin: undefined });
  const github = githubOf(runner.context, inputs.store.token);
  const trust = trustOf(inputs.trust, policy.signers, { store, clock, github });
  return reportDue(await planDrills(policy, { store, trust, now: (await agreedClock(clock, store)).now() }));
}
