import { onlySource } from "../../operations/list-snapshots.ts";
import { rotateKeys as rotate } from "../../operations/rotate-keys.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { chooseAnyPolicySource } from "../policy-source.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { githubOf, trustOf } from "../trust-inputs.ts";
import { actOfRun, witnessed } from "../witnessed.ts";
import { rotateKeysInputs } from "./inputs.ts";
import { reportRotation } from "./report.ts";

export async function rotateKeys(runner: Runner): Promise<ActionResult> {
  const chosen = await chooseAnyPolicySource(policyMeans(runner));
  const inputs = runner.readInputs((read) => rotateKeysInputs(read, chosen));
  const surroundings = await runnerSurroundings(runner, inputs);
  const source = await onlySource(surroundings.store, inputs.source);
  runner.about({ source });
  const { store } = surroundings;
  const trust = trustOf(inputs.trust, [], {
    ...surroundings,
    github: githubOf(runner.context, inputs.store.token),
  });
  const act = actOfRun("rotate-keys", { source, store }, runner.context);
  return await witnessed(inputs.dryRun ? undefined : trust.ledger, act, surroundings, async () => {
    const report = await rotate({ ...inputs, source, trust }, surroundings);
    return { result: reportRotation(report, store.address), findings: report.findings };
  });
}
