import { availableParallelism } from "node:os";
import { dbBackupInputs } from "../actions/db-backup/inputs.ts";
import { storageBackupInputs } from "../actions/storage-backup/inputs.ts";
import { incompleteError } from "../actions/storage-backup/report.ts";
import { withBackedUpApi } from "../actions/project.ts";
import { backUpDatabase } from "../operations/back-up-database.ts";
import { backUpStorage } from "../operations/back-up-storage.ts";
import type { StorageBackupReport } from "../operations/storage-backup.ts";
import { joinStorageShards } from "../operations/join-storage.ts";
import { backUpStorageShard } from "../operations/shard-storage.ts";
import { copyAfterBackup, doneBackup, openCopies, inputFindings } from "../actions/copies.ts";
import { tell, withCopies } from "./copies.ts";
import { backupTrustOf } from "../actions/trust-inputs.ts";
import { choosePolicySource } from "../actions/policy-source.ts";
import { cliSurroundings, terminalPolicy } from "./cli-surroundings.ts";
import {
  chosenObjectFlags,
  fileFlag,
  needingStore,
  withChosenObjects,
  withPostgres,
  withProject,
  withSealing,
  withStore,
} from "./flag-sets.ts";
import type { CliCommand } from "./cli-command.ts";
import type { Cli, CommandResult } from "./exit.ts";
import { formatBytes } from "./terminal.ts";
import { witnessedBackup } from "./terminal-trust.ts";

export const backupCommand: CliCommand = {
  path: ["backup", "database"],
  summary: "back up one PostgreSQL database, sealed",
  configure: (command) =>
    withSealing(withPostgres(withStore(command)))
      .option("--database-url <env:NAME|file:PATH>", "postgresql://… of the database")
      .option("--content-hashes <auto|always|never>", "hash the content of every table (default: auto)")
      .option("--supabase <auto|true|false>", "whether it is a Supabase project's database (default: auto)")
      .option("--vault", "decrypt Supabase Vault's secrets into a sealed part of their own")
      .option("--role-passwords", "put verifiers of roles' passwords into a sealed part of their own"),
  async run(cli, flags) {
    const named = { ...flags, recipients: flags["recipient"] };
    const chosen = await choosePolicySource("postgres", terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => dbBackupInputs(read, chosen)),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const copies = openCopies(inputs.copyTo, surroundings);
    return await witnessedBackup("db-backup", inputs, surroundings, async (seenLedger, ledger) => {
      const cores = availableParallelism();
      const report = await backUpDatabase({ ...inputs, seenLedger, cores }, surroundings);
      const { snapshot, seconds } = report;
      const { tables, rows, rawBytes, sealedBytes } = snapshot.totals;
      const findings = [...inputFindings(inputs), ...report.findings];
      tell(cli, findings);
      const result: CommandResult = {
        document: { snapshot, findings, seconds },
        text:
          `Snapshot ${snapshot.id} of "${snapshot.source}" is stored and read back: ${tables} tables, ${rows} rows, ` +
          `${formatBytes(rawBytes)} in ${formatBytes(sealedBytes)} sealed, ${seconds.toFixed(1)} s.`,
        ...(report.error === undefined ? {} : { error: report.error }),
      };
      const copied = await copyAfterBackup(inputs, copies, surroundings, ledger);
      const told = { snapshot: snapshot.id, findings, copied, copies };
      return doneBackup(withCopies(cli, result, copied, snapshot.id), told);
    });
  },
};

export const backupStorageCommand: CliCommand = {
  path: ["backup", "storage"],
  summary: "back up a project's Storage buckets, only changed objects fetched, sealed",
  configure: (command) =>
    withChosenObjects(withProject(withSealing(withStore(command))))
      .option("--database-url <env:NAME|file:PATH>", "list by SQL: complete, with owners and user metadata")
      .option(
        "--index-identity-file <path>",
        "age identity that opens indexes: without it every object is fetched",
      )
      .option("--jobs <number>", "objects fetched at once (default: 8)")
      .option("--pack-size <MiB>", "bytes of objects in one pack, about (default: 128)")
      .option("--rows-without-bytes <fail|report>", "objects that the API cannot read (default: fail)")
      .option("--shard <number/count>", "store this machine's share only")
      .option("--shard-group <name>", "name of the backup that the shards belong to")
      .option("--join", "make one snapshot of all shards of the group"),
  async run(cli, flags) {
    const named = {
      ...flags,
      ...chosenObjectFlags(flags),
      recipients: flags["recipient"],
      indexIdentity: fileFlag(flags["indexIdentityFile"]),
    };
    const chosen = await choosePolicySource("supabase-storage", terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => storageBackupInputs(read, chosen)),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const { part } = inputs;
    if (part.kind !== "shard") {
      const copies = openCopies(inputs.copyTo, surroundings);
      return await witnessedBackup("storage-backup", inputs, surroundings, async (seenLedger, ledger) => {
        const request = { ...inputs, seenLedger, trust: backupTrustOf(inputs, ledger) };
        const report =
          part.kind === "join"
            ? await joinStorageShards(request, part.group, surroundings)
            : await backUpStorage(request, withBackedUpApi(surroundings, inputs.connection, inputs));
        const findings = [...inputFindings(inputs), ...report.findings];
        const result = describeStorage(cli, { ...report, findings });
        const { id: snapshot } = report.snapshot;
        const copied = await copyAfterBackup(inputs, copies, surroundings, ledger);
        return doneBackup(withCopies(cli, result, copied, snapshot), { snapshot, findings, copied, copies });
      });
    }
    const means = withBackedUpApi(surroundings, inputs.connection, inputs);
    return await witnessedBackup("storage-backup-shard", inputs, surroundings, async (_, ledger) => {
      const request = { ...inputs, trust: backupTrustOf(inputs, ledger) };
      const { shard, findings, seconds } = await backUpStorageShard(request, part.shard, means);
      tell(cli, findings);
      const result: CommandResult = {
        document: { shard, findings, seconds },
        text: `Shard ${shard.number} of ${shard.count} is stored: ${shard.numbers.objects} objects. Join all of them with --join.`,
      };
      return { result, findings };
    });
  },
};

function describeStorage(cli: Cli, report: StorageBackupReport): CommandResult {
  const { snapshot, account, findings, seconds } = report;
  const { objects, rawBytes } = snapshot.totals;
  tell(cli, findings);
  const error = incompleteError(report) ?? report.error;
  return {
    document: { snapshot, account, findings, seconds },
    text:
      `Snapshot ${snapshot.id} of "${snapshot.source}" is stored and read back (${snapshot.state}): ${objects} objects, ` +
      `${formatBytes(rawBytes)}; fetched ${account.stored} (${formatBytes(account.fetchedBytes)}), unchanged ${account.carried}, ` +
      `vanished ${account.vanished}, failed ${account.failed}; ${seconds.toFixed(1)} s.`,
    ...(error === undefined ? {} : { error }),
  };
}
