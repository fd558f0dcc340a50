/** Flags that several commands share, under one spelling and one description. */
import type { Command } from "commander";
import type { InputReader } from "../runner/input-reader.ts";

const collect = (value: string, previous: readonly string[] | undefined): readonly string[] => [
  ...(previous ?? []),
  value,
];

export const trustContentsHelp = "execute a backup's contents even where they cannot be isolated";

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

/** The policy file that the other flags take their defaults from. */
export function withPolicySource(command: Command): Command {
  return command.option("--policy <file>", "take what is not given from this policy file's --source");
}

/** For whom a backup is sealed, and why it is kept. */
export function withSealing(command: Command): Command {
  return repeatable(
    withLedger(withPolicySource(command))
      .option("--passphrase <env:NAME|file:PATH>", "seal with a passphrase instead of recipients")
      .option(
        "--tiers <list>",
        "hourly, daily, weekly, monthly, yearly (default: daily, with a policy by its pace)",
      )
      .option("--signing-key <env:NAME|file:PATH>", "Ed25519 key in PEM form to sign the snapshot with")
      .option("--waive <list>", "second-recipient: one key is knowingly enough; signing: no signature is")
      .option(
        "--copy-to <address>",
        "a further store, like --store, optionally with ' days=N'; may be repeated",
        collect,
      ),
    "--recipients, --recipient <age1…>",
    "who can open it; may be repeated",
  );
}

/** A policy, and the store that stands in for the policy's. */
export function withPolicy(command: Command): Command {
  return command
    .option("--policy <file>", "the policy file (default: .github/lifeboat.yml), or none for the defaults")
    .option("--store <address>", "only this store instead of the policy's")
    .option("--allowed-branches <list>", "branches whose artifacts count, besides the default one");
}

/** Who vouches for snapshots, evidence and tombstones. */
export function withWitness(command: Command): Command {
  return withLedger(
    command.option("--signer <pem>", "public keys in PEM form of which one must have signed what counts"),
  );
}

export function withLedger(command: Command): Command {
  return command.option(
    "--ledger <none|branch|store>",
    "where a ledger is kept that witnesses what was done (default: none)",
  );
}

/** What is appended to the ledger by somebody else. */
export function withHandover(command: Command): Command {
  return command.option(
    "--ledger-file <path>",
    "with --ledger branch: leave the ledger's entries in this file, for `lifeboat ledger append`",
  );
}

export function withTrust(command: Command): Command {
  return withWitness(command).option(
    "--signing-key <env:NAME|file:PATH>",
    "Ed25519 key in PEM form to sign what is written",
  );
}

export function withProject(command: Command): Command {
  return command
    .option("--supabase-url <url>", "https://<ref>.supabase.co")
    .option("--supabase-key <env:NAME|file:PATH>", "secret key (sb_secret_…) or service_role key");
}

export function withChosenObjects(command: Command): Command {
  repeatable(command, "--buckets, --bucket <name>", "only this bucket; may be repeated");
  repeatable(command, "--include <glob>", "only objects like bucket/folder/**; may be repeated");
  return repeatable(command, "--exclude <glob>", "no objects like this; may be repeated");
}

/** The flags of `withChosenObjects` under the names that actions have for them. */
export function chosenObjectFlags<T>(flags: Readonly<Record<string, T>>): {
  readonly buckets: T | undefined;
} {
  return { buckets: flags["bucket"] };
}

/** `--something-file PATH` as a secret input's `file:PATH`. */
export function fileFlag(path: unknown): string | undefined {
  return typeof path === "string" ? `file:${path.replace(/^file:/, "")}` : undefined;
}

/** A flag that may be given several times. */
export function repeatable(command: Command, flags: string, description: string): Command {
  return command.option(flags, description, collect);
}

/** `--identity-file PATH` as the secret input `identity` that actions have. */
export function identityFromFile<T extends Record<string, unknown>>(flags: T): T & { identity?: string } {
  const identity = fileFlag(flags["identityFile"]);
  return identity === undefined ? flags : { ...flags, identity };
}

/**
 * The same inputs as an action's, but a terminal has no repository of its own: there the store must be named, by a flag
 * or a policy. Missing
 * flags are told by our reader, all together, not one by one by the command-line parser.
 */
export function needingStore<T>(
  flags: Record<string, unknown>,
  shape: (read: InputReader) => T,
): (read: InputReader) => T {
  return (read) => {
    if (flags["store"] === undefined && flags["policy"] === undefined) {
      read.problem(
        "store",
        "is missing.",
        "Add --store file:///path, s3://bucket/prefix or artifacts:owner/repo.",
      );
    }
    return shape(read);
  };
}
