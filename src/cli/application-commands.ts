import { copyAfterBackup, doneBackup, openCopies, inputFindings } from "../actions/copies.ts";
import { appBackupInputs } from "../actions/app-backup/inputs.ts";
import { applicationRestoreInputs } from "../actions/restore/inputs.ts";
import { countOf, projectRestoreError, projectRestoreFindings } from "../actions/restore/report-project.ts";
import { backUpApplication } from "../operations/back-up-application.ts";
import { onlySource } from "../operations/list-snapshots.ts";
import { renderSettingsDiff, shownDiff } from "../operations/render-settings-diff.ts";
import { restoreApplication } from "../operations/restore-application.ts";
import { type ProjectRestoreReport, restoreProjectSettings } from "../operations/restore-project-settings.ts";
import { choosePolicySource } from "../actions/policy-source.ts";
import { managementApi } from "../actions/project.ts";
import { cliSurroundings, terminalPolicy } from "./cli-surroundings.ts";
import { tell, withCopies } from "./copies.ts";
import { environmentVariable } from "./environment.ts";
import {
  identityFromFile,
  needingStore,
  repeatable,
  withKey,
  withPolicySource,
  withSealing,
  withSnapshot,
  withStore,
  withTrust,
} from "./flag-sets.ts";
import type { CliCommand } from "./cli-command.ts";
import type { CommandResult } from "./exit.ts";
import { formatBytes } from "./terminal.ts";
import { terminalTrust, witnessedBackup, witnessedRestore } from "./terminal-trust.ts";

export const backupApplicationCommand: CliCommand = {
  path: ["backup", "application"],
  summary: "back up a git repository, files, configuration and the environment file, sealed",
  configure: (command) => {
    withSealing(withStore(command))
      .option("--workspace <path>", "folder of the git repository; relative paths stand on it (default: .)")
      .option("--bundle <true|false>", "whether to bundle the repository (default: true)")
      .option("--environment <env:NAME|file:PATH>", "the environment file's text")
      .option("--settings-token <env:NAME|file:PATH>", "GitHub token that may read the repository's settings")
      .option("--repository <owner/name>", "whose settings")
      .option(
        "--access-token <env:NAME|file:PATH>",
        "Supabase access token: a project's settings are kept too",
      )
      .option("--project <ref>", "whose settings: the 20 letters of https://<ref>.supabase.co");
    repeatable(command, "--paths, --path <path>", "file or folder to keep; may be repeated");
    repeatable(command, "--config <path>", "folder of configuration; may be repeated");
    return repeatable(command, "--exclude <glob>", "no entries like this; may be repeated");
  },
  async run(cli, flags) {
    const named = { ...flags, recipients: flags["recipient"], paths: flags["path"] };
    const chosen = await choosePolicySource("application", terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => appBackupInputs(read, chosen)),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const apiUrl = environmentVariable("GITHUB_API_URL") ?? "https://api.github.com";
    const settings = inputs.settings === undefined ? undefined : { ...inputs.settings, apiUrl };
    const project =
      inputs.project === undefined
        ? undefined
        : managementApi(inputs.project, environmentVariable("SUPABASE_API_URL"), surroundings);
    const copies = openCopies(inputs.copyTo, surroundings);
    return await witnessedBackup("app-backup", inputs, surroundings, async (seenLedger, ledger) => {
      const report = await backUpApplication({ ...inputs, settings, project, seenLedger }, surroundings);
      const { snapshot, contents, seconds } = report;
      const findings = [...inputFindings(inputs), ...report.findings];
      tell(cli, findings);
      const refs = contents.repository?.refs.length ?? 0;
      const result: CommandResult = {
        document: { snapshot, contents, findings, seconds },
        text:
          `Snapshot ${snapshot.id} of "${snapshot.source}" is stored and read back: ${refs} refs, ${snapshot.totals.objects} files, ` +
          `${formatBytes(snapshot.totals.rawBytes)} in ${formatBytes(snapshot.totals.sealedBytes)} sealed, ${seconds.toFixed(1)} s.`,
        ...(report.error === undefined ? {} : { error: report.error }),
      };
      const copied = await copyAfterBackup(inputs, copies, surroundings, ledger);
      const told = { snapshot: snapshot.id, findings, copied, copies };
      return doneBackup(withCopies(cli, result, copied, snapshot.id), told);
    });
  },
};

export const restoreApplicationCommand: CliCommand = {
  path: ["restore", "application"],
  summary: "write code and configuration into a folder, or a project's settings into a project",
  configure: (command) =>
    withPolicySource(withTrust(withKey(withSnapshot(command))))
      .option("--target-directory <path>", "absolute path of the folder to write into")
      .option("--project-settings <ref>", "instead of a folder: the Supabase project to write settings into")
      .option("--access-token <env:NAME|file:PATH>", "Supabase access token that may change that project")
      .option(
        "--confirm <name>",
        "the folder's path or the project's ref: needed where something is replaced",
      )
      .option("--dry-run", "show what would be written (of settings a diff), and the plan's hash")
      .option("--plan-hash <hash>", "perform only the plan that a dry run showed"),
  async run(cli, flags) {
    const named = identityFromFile(flags);
    const chosen = await choosePolicySource("application", terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => applicationRestoreInputs(read, chosen)),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const source = await onlySource(surroundings.store, inputs.source, inputs.kind);
    const trust = terminalTrust(inputs, surroundings);
    return await witnessedRestore(inputs, source, trust, surroundings, async () => {
      const { project, folder } = { folder: "", ...inputs.target };
      if (project !== undefined) {
        const api = managementApi(project, environmentVariable("SUPABASE_API_URL"), surroundings);
        const report = await restoreProjectSettings({ ...inputs, source, trust, api }, surroundings);
        const result = describeProject(report);
        return { result, snapshot: report.snapshot.id, findings: projectRestoreFindings(report) };
      }
      const report = await restoreApplication({ ...inputs, folder, source, trust }, surroundings);
      const lines = report.written.map(({ path, bytes }) => `${path}  ${formatBytes(bytes)}`);
      const end = report.isDryRun
        ? `Nothing was written. Plan ${report.planHash}`
        : `Written into ${folder}, read back and compared with the backup.`;
      const told = report.findings.map(({ level, sentence, remedy }) => `${level}: ${sentence} ${remedy}`);
      const result = { document: report, text: [...lines, ...told, end].join("\n") };
      return { result, snapshot: report.snapshot.id, findings: report.findings };
    });
  },
};

function describeProject(report: ProjectRestoreReport): CommandResult {
  const { done, project, seconds } = report;
  const error = projectRestoreError(report);
  const end =
    done === undefined
      ? ["Nothing was written."]
      : [
          ...done.notWritten.map(
            ({ setting, fields, reason, inside }) =>
              `not written: ${setting} (${fields.join(", ")}): ${reason}${inside === undefined ? "" : `: ${inside}`}`,
          ),
          `Wrote ${countOf(done.written)} settings into project ${project} and read them back, ${seconds.toFixed(1)} s.`,
        ];
  return {
    document: { ...report, diff: shownDiff(report.diff) },
    text: [renderSettingsDiff(report), ...end].join("\n"),
    ...(error === undefined ? {} : { error }),
  };
}
