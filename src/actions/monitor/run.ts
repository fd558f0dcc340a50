import { politely } from "../../alerts/github-requests.ts";
import { monitorPolicy } from "../../operations/monitor-policy.ts";
import { type ChannelReport, endingOf, sendAlerts, sendPing } from "../../operations/send-alerts.ts";
import { watchSchedules } from "../../operations/watch-schedules.ts";
import { environmentVariable } from "../../runner/environment.ts";
import { githubClient } from "../../runner/github-client.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { loadPolicy } from "../policy-inputs.ts";
import { openPolicyStores } from "../policy-stores.ts";
import { githubSurroundings } from "../surroundings.ts";
import { githubOf, trustOf } from "../trust-inputs.ts";
import { alertPlace, channelsOf, repositoryOf } from "./channels.ts";
import { monitorInputs } from "./inputs.ts";
import { reportMonitoring } from "./report.ts";

export async function monitor(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(monitorInputs);
  const { clock, context, logger, secrets } = runner;
  const { policy, findings: notes } = await loadPolicy(inputs.policy, {
    folder: context.workspace,
    required: true,
  });
  const { token } = inputs.store;
  const ask = token === undefined ? undefined : politely(githubClient({ token, apiUrl: context.apiUrl }));
  const channels = channelsOf(policy.alerts, {
    variable: environmentVariable,
    secrets,
    repository: context.repository,
    ask,
  });
  const started = inputs.send ? await sendPing("start", channels.ping) : [];
  try {
    const github = githubSurroundings(runner, inputs.store);
    const stores = openPolicyStores(policy, inputs.store, { clock, logger, github }).map((opened) => ({
      ...opened,
      trust: trustOf({ ...inputs.witness, signingKey: undefined }, policy.signers, {
        store: opened.store,
        clock,
        github: githubOf(context, token),
      }),
    }));
    const repository = repositoryOf(context.repository);
    const schedules =
      ask === undefined || repository === undefined
        ? { notes: [] }
        : await watchSchedules({ repository, files: inputs.workflows, ask, mayEnable: inputs.send });
    const judgement = await monitorPolicy(
      {
        policy,
        stores,
        ...(inputs.needs === undefined ? {} : { jobs: inputs.needs }),
        ...("workflows" in schedules ? { workflows: schedules.workflows } : {}),
      },
      clock,
    );
    const names = policy.sources.map(({ name }) => name);
    const told = inputs.send ? await sendAlerts(judgement, channels, alertPlace(context), names) : [];
    const isWell = endingOf(judgement, [...started, ...told]) === undefined;
    const ended = inputs.send ? await sendPing(isWell ? "success" : "fail", channels.ping) : [];
    // Of the two pings one is worth a line: the one that failed, else the last.
    const pings = started.some(({ error }) => error !== undefined) ? started : ended;
    return reportMonitoring({
      judgement,
      channels: [...told, ...pings],
      notes: [...notes, ...schedules.notes],
      place: alertPlace(context),
    });
  } catch (thrown) {
    // Whatever it is that stopped the monitor, the other side of the ping need not wait to hear of it.
    const unheard: readonly ChannelReport[] = inputs.send ? await sendPing("fail", channels.ping) : [];
    for (const { error } of unheard) if (error !== undefined) logger.warning(error.message);
    throw thrown;
  }
}
