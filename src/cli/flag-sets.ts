/** Flags that several commands share, under one spelling and one description. */
import type { Command } from "commander";

const collect = (value: string, previous: readonly string[] | undefined): readonly string[] => [
  ...(previous ?? []),
  value,
];

export function withStore(command: Command): Command {
  return command
    .requiredOption(
      "--store <address>",
      "file:///path or artifacts:owner/repo (with GITHUB_TOKEN, reading only)",
    )
    .option("--allowed-branches <list>", "branches whose artifacts count, besides the default one")
    .option("--source <name>", "name of the source (default: the only one)");
}

export function withSnapshot(command: Command): Command {
  return withStore(command)
    .option("--snapshot <id|latest>", "which snapshot (default: latest)")
    .option("--as-of <moment>", "the newest snapshot before this moment (RFC 3339)");
}

export function withKey(command: Command): Command {
  return command
    .option("--identity-file <path>", "age identity that opens the backup")
    .option("--passphrase <env:NAME|file:PATH>", "passphrase, if it was sealed with one");
}

export function withPostgres(command: Command): Command {
  return command
    .option("--postgres-bin <folder>", "folder of pg_dump and its companions, if not where packages put them")
    .option("--jobs <number>", "connections at once");
}

/** A flag that may be given several times. */
export function repeatable(command: Command, flags: string, description: string): Command {
  return command.option(flags, description, collect);
}

/** `--identity-file PATH` as the secret input `identity` that actions have. */
export function identityFromFile<T extends Record<string, unknown>>(flags: T): T & { identity?: string } {
  const path = flags["identityFile"];
  return typeof path === "string" ? { ...flags, identity: `file:${path.replace(/^file:/, "")}` } : flags;
}
