/** What every subcommand is. */
import type { Command } from "commander";
import type { Cli, CommandResult } from "./exit.ts";

/** A subcommand as a value: its flags on a commander command, and what it does with them. */
export interface CliCommand {
  readonly path: readonly string[];
  readonly summary: string;
  configure(command: Command): Command;
  run(
    cli: Cli,
    flags: Record<string, string | boolean | readonly string[] | undefined>,
    /** What stands on the command line besides flags, as `configure` declared it. */
    args?: readonly string[],
  ): Promise<CommandResult>;
}
