import { alertPlace, channelsOf, repositoryOf } from "../actions/monitor/channels.ts";
import { monitorInputs } from "../actions/monitor/inputs.ts";
import { publicFinding, sourceCells } from "../actions/monitor/report.ts";
import { loadPolicy } from "../actions/policy-inputs.ts";
import { openPolicyStores } from "../actions/policy-stores.ts";
import { trustOf } from "../actions/trust-inputs.ts";
import { politely } from "../alerts/github-requests.ts";
import { monitorPolicy } from "../operations/monitor-policy.ts";
import { endingOf, sendAlerts, sendPing } from "../operations/send-alerts.ts";
import { watchSchedules } from "../operations/watch-schedules.ts";
import { githubClient } from "../runner/github-client.ts";
import type { CliCommand } from "./cli-command.ts";
import { terminalGitHub, terminalStores } from "./cli-surroundings.ts";
import { environmentVariable } from "./environment.ts";
import { withPolicy, withWitness } from "./flag-sets.ts";

export const monitorCommand: CliCommand = {
  path: ["monitor"],
  summary: "judge the backups against the policy; exit code 3 if something is wrong; needs no key",
  configure: (command) =>
    withWitness(withPolicy(command))
      .option("--needs <json>", "what the jobs of a workflow did: toJSON(needs)")
      .option(
        "--workflows <list>",
        "files of the workflows that must be enabled (default: backup.yml, verify.yml, drill.yml, monitor.yml)",
      )
      .option("--send", "tell people by the ways of the policy (default: only print)"),
  async run(cli, flags) {
    const inputs = cli.readInputs(flags, monitorInputs);
    const { clock, secrets, logger } = cli;
    const { policy, findings: notes } = await loadPolicy(inputs.policy, { folder: "", required: true });
    const github = terminalGitHub(inputs.store);
    const stores = openPolicyStores(policy, inputs.store, terminalStores(cli, inputs.store)).map(
      (opened) => ({
        ...opened,
        trust: trustOf({ ...inputs.witness, signingKey: undefined }, policy.signers, {
          store: opened.store,
          clock,
          github,
        }),
      }),
    );
    const { token, apiUrl } = github;
    const repository = repositoryOf(github.repository);
    const ask = token === undefined ? undefined : politely(githubClient({ token, apiUrl }));
    const channels = channelsOf(policy.alerts, {
      variable: environmentVariable,
      secrets,
      repository: github.repository,
      ask,
    });
    const started = inputs.send ? await sendPing("start", channels.ping) : [];
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
    const told = inputs.send
      ? await sendAlerts(judgement, channels, placeOf(github.repository), names(policy))
      : [];
    const isWell = endingOf(judgement, [...started, ...told]) === undefined;
    const ended = inputs.send ? await sendPing(isWell ? "success" : "fail", channels.ping) : [];
    const reports = [...started, ...told, ...ended];
    for (const { sentence, remedy } of [...notes, ...judgement.notes, ...schedules.notes]) {
      logger.info(`${sentence} ${remedy}`);
    }
    for (const { error } of reports) if (error !== undefined) logger.warning(error.message);
    const error = endingOf(judgement, reports);
    return {
      document: {
        well: judgement.isWell,
        findings: judgement.findings.map(publicFinding),
        sources: judgement.sources,
        told: reports.map(({ channel, done, error: failure }) => ({
          channel,
          done,
          error: failure?.message,
        })),
      },
      text: [
        ...judgement.sources.map((state) => sourceCells(state).join("  ")),
        ...judgement.findings.map(
          ({ level, code, sentence, remedy }) => `${level} ${code}: ${sentence} ${remedy}`,
        ),
        ...(judgement.findings.length === 0 ? ["All is well."] : []),
      ].join("\n"),
      ...(error === undefined ? {} : { error }),
    };
  },
};

function placeOf(repository: string | undefined) {
  const serverUrl = environmentVariable("GITHUB_SERVER_URL") ?? "https://github.com";
  return alertPlace({
    repository,
    serverUrl,
    runUrl: undefined,
    actionRepository: undefined,
    actionRef: undefined,
  });
}

function names({ sources }: { readonly sources: readonly { readonly name: string }[] }): readonly string[] {
  return sources.map(({ name }) => name);
}
