import { drillInputs, drillPolicy } from "../actions/drill/inputs.ts";
import { performDrill } from "../actions/drill/perform.ts";
import { componentsOf, drillError } from "../actions/drill/report.ts";
import type { DrillReport } from "../operations/drill-report.ts";
import { inWords } from "../operations/drill-words.ts";
import { drillKinds, type DrillKind } from "../snapshot/drill-evidence.ts";
import type { CliCommand } from "./cli-command.ts";
import { cliSurroundings, terminalActor, terminalGitHub, terminalPolicy } from "./cli-surroundings.ts";
import {
  identityFromFile,
  withHandover,
  needingStore,
  withKey,
  withPolicySource,
  withPostgres,
  withStore,
  trustContentsHelp,
  withTrust,
} from "./flag-sets.ts";

const summaries: Readonly<Record<DrillKind, string>> = {
  restoration:
    "restore a backup of about 30 days into a throwaway place, compare everything, keep the evidence",
  disaster: "bring everything back from policy, store and identity alone, against the clock",
};

export const drillCommands: readonly CliCommand[] = drillKinds.map((kind) => ({
  path: ["drill", kind],
  summary: summaries[kind],
  configure: (command) => {
    const common = withHandover(withPolicySource(withTrust(withPostgres(withKey(withStore(command))))))
      .option("--waive <list>", "components, extension:NAME or names from findings that need not be proven")
      .option("--server-url <env:NAME|file:PATH>", "restore into this server instead of a throwaway one")
      .option("--trust-contents", trustContentsHelp)
      .option("--report <file>", "write the report for people into this file");
    return kind === "disaster"
      ? common
      : common.option("--of-age <duration>", "how old the backup should be (default: 30d, or the policy's)");
  },
  async run(cli, flags) {
    const named = identityFromFile(flags);
    const policy = await drillPolicy(terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => drillInputs(read, kind, policy)),
    );
    const report = await performDrill(
      inputs,
      { github: terminalGitHub(inputs.store), by: terminalActor() },
      await cliSurroundings(cli, inputs),
    );
    const error = drillError(report);
    return { document: report, text: describe(report), ...(error === undefined ? {} : { error }) };
  },
}));

function describe(report: DrillReport): string {
  const components = componentsOf(report);
  const findings = [
    ...report.undrilled.map(({ finding }) => finding),
    ...report.sources.flatMap((one) => [...one.findings, ...one.examined.findings]),
    ...components.flatMap(({ component }) => component.findings),
  ];
  return [
    ...components.map(
      ({ name, component: { component, checked, verdict } }) =>
        `${verdict.padEnd(12)}  ${name}: ${component} (${checked})`,
    ),
    ...findings.map(({ level, sentence, remedy }) => `  ${level}: ${sentence} ${remedy}`),
    ...report.sources.map(
      ({ source, examined, recoveryTime }) =>
        `${source.name}: ${examined.snapshot.id} was back after ${inWords(recoveryTime.seconds * 1000)}`,
    ),
    `${report.kind} drill ${report.id}: ${report.verdict} in ${inWords(report.seconds * 1000)}`,
  ].join("\n");
}
