import { loadPolicy } from "../actions/policy-inputs.ts";
import { openPolicyStores } from "../actions/policy-stores.ts";
import { pruneInputs } from "../actions/prune/inputs.ts";
import { decisionCells } from "../actions/prune/report.ts";
import { trustOf } from "../actions/trust-inputs.ts";
import { prunePolicy } from "../operations/prune-policy.ts";
import type { PruneReport } from "../operations/prune-report.ts";
import type { CliCommand } from "./cli-command.ts";
import { terminalActor, terminalGitHub, terminalStores } from "./cli-surroundings.ts";
import { withPolicy, withTrust } from "./flag-sets.ts";

export const pruneCommand: CliCommand = {
  path: ["prune"],
  summary: "remove what the policy need not keep; refuses what would be unsafe",
  configure: (command) =>
    withTrust(withPolicy(command))
      .option("--source <name>", "only this source (default: all of the policy)")
      .option("--dry-run", "show what would go and why, remove nothing"),
  async run(cli, flags) {
    const inputs = cli.readInputs(flags, pruneInputs);
    const { clock } = cli;
    const { policy } = await loadPolicy(inputs.policy, { folder: "", required: true });
    const github = terminalGitHub(inputs.store);
    const opened = openPolicyStores(policy, inputs.store, terminalStores(cli, inputs.store));
    const report = await prunePolicy(
      {
        policy,
        stores: opened.map((one) => ({
          ...one,
          trust: trustOf(inputs.trust, policy.signers, { store: one.store, clock, github }),
        })),
        ...(inputs.source === undefined ? {} : { source: inputs.source }),
        dryRun: inputs.dryRun,
        signingKey: inputs.trust.signingKey,
        by: terminalActor(),
      },
      cli,
    );
    for (const { source, store, error } of report.failures) {
      cli.logger.warning(`"${source}" in ${store}: ${error.message}`);
    }
    const { error, ...document } = report;
    return {
      document,
      text: report.reports.map(describe).join("\n\n"),
      ...(error === undefined ? {} : { error }),
    };
  },
};

function describe(report: PruneReport): string {
  const { source, store, freeze, decisions, findings } = report;
  return [
    `${source} in ${store}`,
    ...(freeze === undefined ? [] : [`FROZEN  ${freeze}`]),
    ...decisions.map((decision) => decisionCells(decision, report).join("  ")),
    ...findings.map(({ level, sentence, remedy }) => `${level}: ${sentence} ${remedy}`),
  ].join("\n");
}
