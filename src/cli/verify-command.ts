import { faultWords } from "../verification/findings.ts";
import { verificationError } from "../actions/verify/report.ts";
import { verifyInputs } from "../actions/verify/inputs.ts";
import { onlySource } from "../operations/list-snapshots.ts";
import { verifySnapshot, type VerifyReport } from "../operations/verify-snapshot.ts";
import { handingOn, verificationLedger } from "../actions/trust-inputs.ts";
import { witnessingFailure } from "../actions/witnessed.ts";
import { chooseAnyPolicySource } from "../actions/policy-source.ts";
import { cliSurroundings, terminalActor, terminalPolicy, terminalGitHub } from "./cli-surroundings.ts";
import {
  identityFromFile,
  withHandover,
  needingStore,
  withKey,
  withPolicySource,
  withPostgres,
  withSnapshot,
  trustContentsHelp,
  withTrust,
} from "./flag-sets.ts";
import type { CliCommand } from "./cli-command.ts";

export const verifyCommand: CliCommand = {
  path: ["verify"],
  summary: "check a snapshot: stored, unsealed, or restored into a throwaway server",
  configure: (command) =>
    withHandover(withPolicySource(withTrust(withPostgres(withKey(withSnapshot(command))))))
      .option("--level <stored|unsealed|restored>", "how far to go (default: unsealed)")
      .option("--waive <list>", "components, extension:NAME or names from findings that need not be proven")
      .option("--server-url <env:NAME|file:PATH>", "restore into this server instead of a throwaway one")
      .option("--trust-contents", trustContentsHelp),
  async run(cli, flags) {
    const named = identityFromFile(flags);
    const chosen = await chooseAnyPolicySource(terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => verifyInputs(read, chosen)),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const source = await onlySource(surroundings.store, inputs.source);
    const github = terminalGitHub(inputs.store);
    const { ledgerPlace, ledgerFile } = inputs;
    const ledger = handingOn(
      verificationLedger(inputs, { ...surroundings, github }),
      ledgerPlace,
      ledgerFile,
    );
    const act = { act: "verify", source, store: surroundings.store, by: terminalActor() };
    const report = await witnessingFailure(ledger, act, surroundings, () =>
      verifySnapshot({ ...inputs, source, ledger, by: act.by }, surroundings),
    );
    const error = verificationError(report);
    return { document: report, text: describe(report), ...(error === undefined ? {} : { error }) };
  },
};

function describe(report: VerifyReport): string {
  const { snapshot, level, verdict, components, findings } = report;
  return [
    ...components.map(
      ({ component, checked, verdict: own }) => `${own.padEnd(12)}  ${component} (${checked})`,
    ),
    ...[...findings, ...components.flatMap((component) => component.findings)].map(
      (finding) => `  ${finding.level}${faultWords(finding)}: ${finding.sentence} ${finding.remedy}`,
    ),
    `${snapshot.id} at level ${level}: ${verdict} in ${report.seconds.toFixed(1)} s`,
  ].join("\n");
}
