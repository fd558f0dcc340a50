import { politely } from "../../alerts/github-requests.ts";
import { monitor as watch } from "../../operations/monitor.ts";
import { environmentVariable } from "../../runner/environment.ts";
import { githubClient } from "../../runner/github-client.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { loadPolicy } from "../policy-inputs.ts";
import { openPolicyStores } from "../policy-stores.ts";
import { githubSurroundings } from "../surroundings.ts";
import { githubOf, trustOf } from "../trust-inputs.ts";
import { alertPlace, channelsOf, refuseInTheClear, repositoryOf } from "./channels.ts";
import { monitorInputs, watchRequest } from "./inputs.ts";
import { reportMonitoring } from "./report.ts";

export async function monitor(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(monitorInputs);
  const { clock, context, logger, secrets, signal } = runner;
  const loaded = await loadPolicy(inputs.policy, { folder: context.workspace, required: true });
  const { policy } = loaded;
  refuseInTheClear(loaded, environmentVariable);
  const { token } = inputs.store;
  const ask =
    token === undefined ? undefined : politely(githubClient({ token, apiUrl: context.apiUrl }), { signal });
  const repository = repositoryOf(context.repository);
  const report = await watch(watchRequest(inputs, loaded, context.workspace), {
    clock,
    logger,
    signal,
    openStores: () =>
      openPolicyStores(policy, inputs.store, {
        clock,
        logger,
        signal,
        github: githubSurroundings(runner, inputs.store),
      }).map((opened) => ({
        ...opened,
        trust: trustOf({ ...inputs.witness, signingKey: undefined }, policy.signers, {
          store: opened.store,
          clock,
          github: githubOf(context, token),
        }),
      })),
    channels: channelsOf(policy.alerts, {
      variable: environmentVariable,
      secrets,
      repository: context.repository,
      ask,
    }),
    place: alertPlace(context),
    github: ask && repository && { repository, ask },
  });
  return reportMonitoring(report);
}
