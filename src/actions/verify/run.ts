import { resolve } from "node:path";
import { onlySource } from "../../operations/list-snapshots.ts";
import { verifySnapshot } from "../../operations/verify-snapshot.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { chooseAnyPolicySource } from "../policy-source.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { githubOf, handingOn, verificationLedger } from "../trust-inputs.ts";
import { actOfRun, witnessingFailure } from "../witnessed.ts";
import { verifyInputs } from "./inputs.ts";
import { reportVerification } from "./report.ts";

export async function verify(runner: Runner): Promise<ActionResult> {
  const chosen = await chooseAnyPolicySource(policyMeans(runner));
  const inputs = runner.readInputs((read) => verifyInputs(read, chosen));
  const surroundings = await runnerSurroundings(runner, inputs);
  const source = await onlySource(surroundings.store, inputs.source);
  runner.about({ source });
  const github = githubOf(runner.context, inputs.store.token);
  const { ledgerPlace, ledgerFile } = inputs;
  const file = ledgerFile === undefined ? undefined : resolve(runner.context.workspace, ledgerFile);
  const ledger = handingOn(verificationLedger(inputs, { ...surroundings, github }), ledgerPlace, file);
  const { store } = surroundings;
  const act = actOfRun("verify", { source, store }, runner.context);
  const { by, commit } = act;
  const report = await witnessingFailure(ledger, act, surroundings, () =>
    verifySnapshot({ ...inputs, source, ledger, by, commit }, surroundings),
  );
  return reportVerification(report, surroundings.store.address);
}
