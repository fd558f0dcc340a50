/** Flags that several commands share, under one spelling and one description. */
import type { Command } from "commander";
import type { InputReader } from "../runner/input-reader.ts";

const collect = (value: string, previous: readonly string[] | undefined): readonly string[] => [
  ...(previous ?? []),
  value,
];

export function withStore(command: Command): Command {
  return command
    .option(
      "--store <address>",
      "file:///path, s3://bucket/prefix, or artifacts:owner/repo (with GITHUB_TOKEN, reading only)",
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

/**
 * The same inputs as an action's, but a terminal has no repository of its own: there the store must be named. Missing
 * flags are told by our reader, all together, not one by one by the command-line parser.
 */
export function needingStore<T>(
  flags: Record<string, unknown>,
  shape: (read: InputReader) => T,
): (read: InputReader) => T {
  return (read) => {
    if (flags["store"] === undefined) {
      read.problem(
        "store",
        "is missing.",
        "Add --store file:///path, s3://bucket/prefix or artifacts:owner/repo.",
      );
    }
    return shape(read);
  };
}
