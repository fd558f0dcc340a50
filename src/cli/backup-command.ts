import { availableParallelism } from "node:os";
import { dbBackupInputs } from "../actions/db-backup/inputs.ts";
import { backUpDatabase } from "../operations/back-up-database.ts";
import { cliSurroundings } from "./cli-surroundings.ts";
import { needingStore, repeatable, withPostgres, withStore } from "./flag-sets.ts";
import type { CliCommand } from "./cli-command.ts";
import { formatBytes } from "./terminal.ts";

export const backupCommand: CliCommand = {
  path: ["backup", "database"],
  summary: "back up one PostgreSQL database, sealed",
  configure: (command) =>
    repeatable(
      withPostgres(withStore(command))
        .option("--database-url <env:NAME|file:PATH>", "postgresql://… of the database")
        .option("--passphrase <env:NAME|file:PATH>", "seal with a passphrase instead of recipients")
        .option("--tiers <list>", "hourly, daily, weekly, monthly, yearly (default: daily)")
        .option("--content-hashes <auto|always|never>", "hash the content of every table (default: auto)")
        .option("--signing-key <env:NAME|file:PATH>", "Ed25519 key in PEM form to sign the snapshot with"),
      "--recipients, --recipient <age1…>",
      "who can open it; may be repeated",
    ),
  async run(cli, flags) {
    const inputs = cli.readInputs(
      { ...flags, recipients: flags["recipient"] },
      needingStore(flags, dbBackupInputs),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const report = await backUpDatabase({ ...inputs, cores: availableParallelism() }, surroundings);
    const { snapshot, seconds } = report;
    const { tables, rows, rawBytes, sealedBytes } = snapshot.totals;
    for (const { level, sentence, remedy } of report.findings) {
      if (level !== "info") cli.logger.warning(`${sentence} ${remedy}`);
    }
    return {
      document: { snapshot, findings: report.findings, seconds },
      text:
        `Snapshot ${snapshot.id} of "${snapshot.source}" is stored and read back: ${tables} tables, ${rows} rows, ` +
        `${formatBytes(rawBytes)} in ${formatBytes(sealedBytes)} sealed, ${seconds.toFixed(1)} s.`,
    };
  },
};
