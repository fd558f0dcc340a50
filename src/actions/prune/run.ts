import { asLifeboatError, LifeboatError } from "../../errors.ts";
import { holdSnapshot, unfreeze } from "../../operations/hold-snapshot.ts";
import type { Trust } from "../../operations/vouched-documents.ts";
import { prunePolicy } from "../../operations/prune-policy.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import type { Store } from "../../store/store.ts";
import { githubSurroundings } from "../surroundings.ts";
import { loadPolicy } from "../policy-inputs.ts";
import { openPolicyStores } from "../policy-stores.ts";
import { actorOfRun, githubOf, trustOf } from "../trust-inputs.ts";
import { type PruneInputs, pruneInputs, type Said } from "./inputs.ts";
import { reportPruning } from "./report.ts";

export async function prune(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(pruneInputs);
  const { clock, context, logger, signal } = runner;
  const { policy, findings } = await loadPolicy(inputs.policy, { folder: context.workspace, required: true });
  const github = githubSurroundings(runner, inputs.store);
  const stores = openPolicyStores(policy, inputs.store, { clock, logger, signal, github }).map((opened) => ({
    ...opened,
    trust: trustOf(inputs.trust, policy.signers, {
      store: opened.store,
      clock,
      github: githubOf(context, inputs.store.token),
    }),
  }));
  if (inputs.said !== undefined) await say(inputs.said, inputs, stores, runner);
  const report = await prunePolicy(
    {
      policy,
      stores,
      ...(inputs.source === undefined ? {} : { source: inputs.source }),
      dryRun: inputs.dryRun,
      signingKey: inputs.trust.signingKey,
      by: actorOfRun(context),
      commit: context.sha,
    },
    runner,
  );
  return reportPruning(report, findings);
}

/** A schedule has an actor too, but nobody was there to think: only a run that a person started may say something. */
async function say(
  said: Said,
  { source, trust: { signingKey } }: PruneInputs,
  stores: readonly { readonly store: Store; readonly trust: Trust }[],
  { clock, context, logger }: Runner,
): Promise<void> {
  if (context.eventName !== "workflow_dispatch") {
    throw new LifeboatError("input-invalid", "Only a person may hold, release or unfreeze.", {
      hint: "Start the workflow by hand (workflow_dispatch).",
    });
  }
  if (source === undefined) {
    throw new LifeboatError("input-invalid", `Nobody said which source to ${said.act}.`, {
      hint: "Give the input `source`.",
    });
  }
  const by = actorOfRun(context);
  let spoken = 0;
  for (const { store, trust } of stores) {
    const request = { source, because: said.because, by, trust, signingKey };
    try {
      if (said.act === "unfreeze") await unfreeze(request, { store, clock });
      else await holdSnapshot(said.act, said.snapshot, request, { store, clock });
      spoken += 1;
    } catch (cause) {
      // Not every store has every snapshot.
      const error = asLifeboatError(cause);
      if (error.code !== "snapshot-not-found") throw cause;
      logger.info(`${store.address}: ${error.message}`);
    }
  }
  if (spoken === 0)
    throw new LifeboatError("snapshot-not-found", "No store of the policy has this snapshot.");
}
