import { alertPlace, channelsOf, refuseInTheClear, repositoryOf } from "../actions/monitor/channels.ts";
import { monitorInputs, watchRequest } from "../actions/monitor/inputs.ts";
import { publicFinding, sourceCells } from "../actions/monitor/report.ts";
import { loadPolicy } from "../actions/policy-inputs.ts";
import { openPolicyStores } from "../actions/policy-stores.ts";
import { trustOf } from "../actions/trust-inputs.ts";
import { politely } from "../alerts/github-requests.ts";
import { monitor } from "../operations/monitor.ts";
import { endingOf } from "../operations/send-alerts.ts";
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
      .option("--status-page <file>", "write the status page, one HTML file, here")
      .option("--send", "tell people by the ways of the policy (default: only print)"),
  async run(cli, flags) {
    const inputs = cli.readInputs(flags, monitorInputs);
    const { clock, secrets, logger } = cli;
    const loaded = await loadPolicy(inputs.policy, { folder: "", required: true });
    const { policy } = loaded;
    refuseInTheClear(loaded, environmentVariable);
    const github = terminalGitHub(inputs.store);
    const { token, apiUrl } = github;
    const repository = repositoryOf(github.repository);
    const ask =
      token === undefined ? undefined : politely(githubClient({ token, apiUrl }), { signal: cli.signal });
    const { judgement, channels, notes } = await monitor(watchRequest(inputs, loaded, ""), {
      signal: cli.signal,
      clock,
      logger,
      openStores: () =>
        openPolicyStores(policy, inputs.store, terminalStores(cli, inputs.store)).map((opened) => ({
          ...opened,
          trust: trustOf({ ...inputs.witness, signingKey: undefined }, policy.signers, {
            store: opened.store,
            clock,
            github,
          }),
        })),
      channels: channelsOf(policy.alerts, {
        variable: environmentVariable,
        secrets,
        repository: github.repository,
        ask,
      }),
      place: placeOf(github.repository),
      github: ask && repository && { repository, ask },
    });
    for (const { sentence, remedy } of [...judgement.notes, ...notes]) logger.info(`${sentence} ${remedy}`);
    for (const { error } of channels) if (error !== undefined) logger.warning(error.message);
    const error = endingOf(judgement, channels);
    return {
      document: {
        well: judgement.isWell,
        findings: judgement.findings.map(publicFinding),
        sources: judgement.sources,
        told: channels.map(({ channel, done, error: failure }) => ({
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
