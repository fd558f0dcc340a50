/** The inputs of `db-backup` and the flags of `lifeboat backup database`: one shape, read once. */
import { availableParallelism } from "node:os";
import { type Connection, parseConnection } from "../../postgres/connection.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import { type SupabaseChoice, supabaseChoices } from "../../supabase/profile.ts";
import { type BackupInputs, backupInputs } from "../backup-inputs.ts";
import { namedBySource, neededSecret } from "../policy-secrets.ts";
import type { ChosenSource, SourceOf } from "../policy-source.ts";

export interface DbBackupInputs extends BackupInputs {
  readonly connection: Connection;
  readonly jobs: number;
  readonly hashes: boolean;
  readonly supabase: SupabaseChoice;
  readonly vault: boolean;
  readonly rolePasswords: boolean;
  readonly postgresBin: string | undefined;
}

const mostJobs = 16;

export function dbBackupInputs(
  read: InputReader,
  chosen?: ChosenSource<SourceOf<"postgres">>,
): DbBackupInputs {
  const common = backupInputs(read, { source: "database", chosen });
  const url = namedBySource(chosen, "url", chosen?.source.url);
  const hashes = read.enum("content-hashes", ["auto", "always", "never"], "auto");
  // Where `tiers` cannot be read there are none; the reader reports that.
  const tiers = (common.tiers as typeof common.tiers | undefined) ?? [];
  return {
    ...common,
    connection: neededSecret(read, "database-url", url, (text) => parseConnection(text, "database URL")),
    jobs: read.integer(
      "jobs",
      { min: 1, max: mostJobs },
      chosen?.source.jobs ?? Math.min(4, availableParallelism()),
    ),
    // Hourly snapshots are replaced soon; from daily on the content is what a restore will be judged by.
    hashes: hashes === "always" || (hashes === "auto" && tiers.some((tier) => tier !== "hourly")),
    supabase: read.enum("supabase", supabaseChoices, supabaseOf(chosen?.source.supabase)),
    vault: read.boolean("vault", chosen?.source.vault ?? false),
    rolePasswords: read.boolean("role-passwords", chosen?.source.rolePasswords ?? false),
    postgresBin: read.optional.string("postgres-bin"),
  };
}

function supabaseOf(stated: boolean | undefined): SupabaseChoice {
  if (stated === undefined) return "auto";
  return stated ? "true" : "false";
}
