import { bucketRestoreInputs, databaseRestoreInputs } from "../actions/restore/inputs.ts";
import { bucketTarget } from "../actions/project.ts";
import { onlySource } from "../operations/list-snapshots.ts";
import { renderStoragePlan } from "../operations/render-storage-plan.ts";
import { type BucketRestoreReport, restoreBuckets } from "../operations/restore-buckets.ts";
import { lossError } from "../operations/restore-losses.ts";
import { renderPlan } from "../operations/render-restore-plan.ts";
import { restoreSnapshot, type SnapshotRestoreReport } from "../operations/restore-snapshot.ts";
import { runnerHook } from "../runner/hook.ts";
import { choosePolicySource } from "../actions/policy-source.ts";
import { describeLine } from "../supabase/project-report.ts";
import { cliSurroundings, terminalPolicy } from "./cli-surroundings.ts";
import { terminalTrust, witnessedRestore } from "./terminal-trust.ts";
import {
  chosenObjectFlags,
  identityFromFile,
  needingStore,
  repeatable,
  withChosenObjects,
  withKey,
  withPolicySource,
  withPostgres,
  withProject,
  withSnapshot,
  withTrust,
} from "./flag-sets.ts";
import type { CliCommand } from "./cli-command.ts";

export const restoreCommand: CliCommand = {
  path: ["restore", "database"],
  summary: "restore a snapshot into a new database, in place, into a Supabase project, or only some tables",
  configure: (command) =>
    repeatable(
      repeatable(
        withPolicySource(withTrust(withPostgres(withKey(withSnapshot(command)))))
          .option("--target-url <env:NAME|file:PATH>", "postgresql://… of the database to restore into")
          .option("--in-place", "replace the existing database by a swap, once the copy is proven")
          .option("--confirm <name>", "the target database's name: needed where something is replaced")
          .option("--dry-run", "show the plan and its hash, change nothing")
          .option("--plan-hash <hash>", "perform only the plan that a dry run showed")
          .option(
            "--roles <without-login|as-backed-up>",
            "how missing roles are made (default: without-login)",
          )
          .option(
            "--target-kind <auto|supabase|postgresql>",
            "what the target is (default: auto, a Supabase project is recognised)",
          )
          .option(
            "--cron-jobs <inactive|as-backed-up>",
            "how a project's jobs are restored (default: inactive)",
          )
          .option("--sign-ins", "into a project: sessions and refresh tokens too")
          .option("--accept-not-verified", "go on where the content could not be compared")
          .option("--accept <list>", "what may be missing: index:public.cities_name_key, or a kind: index")
          .option("--atomic", "all or nothing: stop at the first object that the server refuses")
          .option("--no-owner", "everything belongs to the restoring role")
          .option(
            "--skip-missing-extensions",
            "do without extensions that the server lacks, and what needs them",
          )
          .option("--before <command>", "shell command before the first change")
          .option("--after <command>", "shell command afterwards; told LIFEBOAT_OUTCOME")
          .option("--after-always", "run --after also where the outcome is `damaged`"),
        "--tables, --table <schema.name>",
        "only this table; may be repeated",
      ),
      "--schemas, --schema <name>",
      "only the tables of this schema; may be repeated",
    ),
  async run(cli, flags) {
    const named = {
      ...identityFromFile(flags),
      tables: flags["table"],
      schemas: flags["schema"],
      // `--no-owner` is to commander the absence of `--owner`.
      "no-owner": flags["owner"] === false,
    };
    const chosen = await choosePolicySource("postgres", terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => databaseRestoreInputs(read, chosen)),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const source = await onlySource(surroundings.store, inputs.source, inputs.kind);
    const runHook = runnerHook(cli.logger);
    const trust = terminalTrust(inputs, surroundings);
    return await witnessedRestore(inputs, source, trust, surroundings, async () => {
      const means = { ...surroundings, beforeRestore: surroundings, runHook };
      const report = await restoreSnapshot({ ...inputs, source, trust }, means);
      const { plan, restored } = report;
      const error = lossError(restored?.missing ?? [], restored?.findings ?? []);
      const result = { document: report, text: describe(report), ...(error === undefined ? {} : { error }) };
      return { result, snapshot: plan.snapshot.id, findings: restored?.findings ?? [] };
    });
  },
};

function describe({ plan, restored, seconds }: SnapshotRestoreReport): string {
  if (restored === undefined) return renderPlan(plan);
  const findings = restored.findings.filter(({ level }) => level !== "info");
  return [
    ...findings.map(({ level, sentence, remedy }) => `${level}: ${sentence} ${remedy}`),
    ...(restored.project?.lines ?? []).map(describeLine),
    ...(restored.snapshotBefore === undefined ? [] : [describeBefore(restored.snapshotBefore)]),
    ...(restored.keptDatabase === undefined
      ? []
      : [`What stood before is kept as "${restored.keptDatabase}".`]),
    `Restored snapshot ${plan.snapshot.id} into "${restored.database}" and compared it with the backup, ${seconds.toFixed(1)} s.`,
  ].join("\n");
}

function describeBefore({
  source,
  snapshot,
}: {
  readonly source: string;
  readonly snapshot: string;
}): string {
  return `What stood before is snapshot ${snapshot} of source "${source}", verified and held.`;
}

export const restoreStorageCommand: CliCommand = {
  path: ["restore", "storage"],
  summary: "restore objects into a project's buckets, or into a directory",
  configure: (command) =>
    withPolicySource(withTrust(withChosenObjects(withProject(withKey(withSnapshot(command))))))
      .option("--target-directory <path>", "write files here instead of into a project")
      .option("--replace-files", "replace files of the directory that are different")
      .option(
        "--database-url <env:NAME|file:PATH>",
        "the project's database: repairs owners and times by SQL",
      )
      .option("--delete-extraneous", "delete chosen objects that are not in the backup")
      .option(
        "--confirm <name>",
        "the project's ref (or host): needed where something is replaced or deleted",
      )
      .option("--dry-run", "show the plan and its hash, change nothing")
      .option("--plan-hash <hash>", "perform only the plan that a dry run showed")
      .option("--jobs <number>", "objects at once (default: 8)"),
  async run(cli, flags) {
    const named = { ...identityFromFile(flags), ...chosenObjectFlags(flags) };
    const chosen = await choosePolicySource("supabase-storage", terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => bucketRestoreInputs(read, chosen)),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const source = await onlySource(surroundings.store, inputs.source, inputs.kind);
    const target = bucketTarget(inputs.target, inputs.jobs, surroundings);
    const trust = terminalTrust(inputs, surroundings);
    return await witnessedRestore(inputs, source, trust, surroundings, async () => {
      const report = await restoreBuckets({ ...inputs, source, target, trust }, surroundings);
      const { snapshot, restored } = report;
      const result = { document: report, text: describeBuckets(report) };
      return { result, snapshot: snapshot.id, findings: restored?.findings ?? [] };
    });
  },
};

function describeBuckets({ snapshot, plan, planHash, restored, seconds }: BucketRestoreReport): string {
  if (restored === undefined)
    return plan === undefined ? `Nothing was written. Plan ${planHash}` : renderStoragePlan(plan);
  const findings = restored.findings.filter(({ level }) => level !== "info");
  return [
    ...findings.map(({ level, sentence, remedy }) => `${level}: ${sentence} ${remedy}`),
    `Restored from snapshot ${snapshot.id}: ${restored.uploaded} objects written, ${restored.kept} were there already, ` +
      `${restored.deleted} deleted, ${restored.compared} compared byte for byte, ${seconds.toFixed(1)} s.`,
  ].join("\n");
}
