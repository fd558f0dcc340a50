/** `lifeboat`: the same operations from a terminal, for the day GitHub itself is down. */
import { Command, CommanderError } from "commander";
import { version } from "../runner/version.ts";
import { backupApplicationCommand, restoreApplicationCommand } from "./application-commands.ts";
import { backupCommand, backupStorageCommand } from "./backup-command.ts";
import type { CliCommand } from "./cli-command.ts";
import { type CommandResult, runCommand } from "./exit.ts";
import { copyCommand } from "./copy-command.ts";
import { drillCommands } from "./drill-command.ts";
import { exportCommand } from "./export-command.ts";
import { keygenCommand } from "./keygen-command.ts";
import {
  ledgerAppendCommand,
  ledgerExportCommand,
  ledgerShowCommand,
  ledgerVerifyCommand,
} from "./ledger-command.ts";
import { listCommand, showCommand } from "./list-command.ts";
import { holdCommand, releaseCommand, unfreezeCommand } from "./hold-command.ts";
import { monitorCommand } from "./monitor-command.ts";
import { planCommand } from "./plan-command.ts";
import { pruneCommand } from "./prune-command.ts";
import { restoreCommand, restoreStorageCommand } from "./restore-command.ts";
import { policyCheckCommand, policyExplainCommand } from "./policy-command.ts";
import { rotateKeysCommand } from "./rotate-keys-command.ts";
import { verifyCommand } from "./verify-command.ts";

export const commands: readonly CliCommand[] = [
  keygenCommand,
  backupCommand,
  backupStorageCommand,
  backupApplicationCommand,
  listCommand,
  showCommand,
  verifyCommand,
  restoreCommand,
  restoreStorageCommand,
  restoreApplicationCommand,
  ...drillCommands,
  exportCommand,
  planCommand,
  monitorCommand,
  pruneCommand,
  holdCommand,
  releaseCommand,
  unfreezeCommand,
  ledgerShowCommand,
  ledgerVerifyCommand,
  ledgerExportCommand,
  ledgerAppendCommand,
  copyCommand,
  rotateKeysCommand,
  policyCheckCommand,
  policyExplainCommand,
];

/** Runs one command line (without node and script) to the end of the process. */
export function runCli(argv: readonly string[] = process.argv.slice(2)): Promise<never> {
  return runCommand(argv, async (cli) => {
    let result: CommandResult | undefined;
    const program = build(async (command, flags, args) => {
      result = await command.run(cli, flags, args);
    });
    await program.parseAsync([...argv], { from: "user" });
    if (result !== undefined) return result;
    throw new CommanderError(2, "commander.help", "error: no command was given");
  });
}

function build(
  perform: (
    command: CliCommand,
    flags: Parameters<CliCommand["run"]>[1],
    args: readonly string[],
  ) => Promise<void>,
): Command {
  const program = new Command("lifeboat")
    .description("Back up PostgreSQL, prove it by a real restore, bring everything back.")
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  const groups = new Map<string, Command>([["", program]]);
  for (const command of commands) {
    const [name = "", parent = ""] = command.path.toReversed();
    const group = groups.get(parent) ?? program.command(parent).description(`${parent} …`).exitOverride();
    groups.set(parent, group);
    const own = command
      .configure(group.command(name).description(command.summary))
      .option("--json", "print one JSON document on stdout")
      .option("--verbose", "say more on stderr")
      .exitOverride()
      .configureOutput({ outputError: () => {} })
      .allowExcessArguments(false);
    own.action(async () => await perform(command, own.opts(), own.args));
  }
  return program;
}
