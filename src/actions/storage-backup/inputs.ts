/** The inputs of `storage-backup` and the flags of `lifeboat backup storage`. */
import { LifeboatError } from "../../errors.ts";
import type { ShardChoice } from "../../operations/shard-storage.ts";
import { type Connection, parseConnection } from "../../postgres/connection.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import { type Identities, parseIdentities } from "../../seal/identities.ts";
import { isShardGroup } from "../../snapshot/keys.ts";
import type { ObjectFilter } from "../../storage/object-filter.ts";
import type { StorageConnection } from "../../supabase/storage-api.ts";
import { type BackupInputs, backupInputs } from "../backup-inputs.ts";
import { namedBySource, optionalSecret } from "../policy-secrets.ts";
import type { ChosenSource, SourceOf } from "../policy-source.ts";
import { chosenObjects, storageConnection } from "../storage-inputs.ts";

export interface StorageBackupInputs extends BackupInputs {
  /** Absent where shards are joined: that asks Supabase nothing. */
  readonly connection: StorageConnection | undefined;
  readonly filter: ObjectFilter;
  readonly database: Connection | undefined;
  readonly indexIdentities: Identities | undefined;
  readonly jobs: number;
  readonly packBytes: number;
  readonly rowsWithoutBytes: "fail" | "report";
  readonly part: BackupPart;
  readonly postgresBin: undefined;
}

/** A whole backup, one machine's share of it, or the joining of all shares. */
export type BackupPart =
  | { readonly kind: "whole" }
  | { readonly kind: "shard"; readonly shard: ShardChoice }
  | { readonly kind: "join"; readonly group: string };

const mebibyte = 1024 * 1024;

export function storageBackupInputs(
  read: InputReader,
  chosen?: ChosenSource<SourceOf<"supabase-storage">>,
): StorageBackupInputs {
  const part = backupPart(read);
  const indexIdentities = read.optional.secret("index-identity", parseIdentities);
  if (part.kind !== "whole" && indexIdentities === undefined) {
    read.problem(
      "index-identity",
      "shards need one.",
      "Give the same index identity to every shard and to the job that joins them.",
    );
  }
  // Joining asks neither the project nor its database, so its job is given no secret of theirs.
  const asked = part.kind === "join" ? undefined : { chosen };
  return {
    ...backupInputs(read, { source: "storage", chosen, signs: part.kind !== "shard" }),
    connection: asked === undefined ? undefined : storageConnection(read, asked.chosen),
    filter: chosenObjects(read, chosen?.source),
    database: optionalSecret(
      read,
      "database-url",
      namedBySource(asked?.chosen, "database-url", chosen?.source.databaseUrl),
      (text) => parseConnection(text, "database URL"),
    ),
    indexIdentities,
    jobs: read.integer("jobs", { min: 1, max: 64 }, chosen?.source.atOnce ?? 8),
    packBytes: read.integer("pack-size", { min: 1, max: 4096 }, 128) * mebibyte,
    rowsWithoutBytes: read.enum("rows-without-bytes", ["fail", "report"], "fail"),
    part,
    postgresBin: undefined,
  };
}

function backupPart(read: InputReader): BackupPart {
  const shard = read.optional.parsed("shard", parseShard);
  const join = read.boolean("join", false);
  const group = read.optional.parsed("shard-group", parseGroup);
  if (shard === undefined && !join) return { kind: "whole" };
  if (shard !== undefined && join) {
    read.problem("join", "a shard is named as well.", "A job stores a shard or joins all of them.");
  }
  if (group === undefined) {
    read.problem(
      "shard-group",
      "shards need one.",
      "Give all jobs of one backup the same, like run-${{ github.run_id }}.",
    );
  }
  const name = group ?? "";
  return shard === undefined
    ? { kind: "join", group: name }
    : { kind: "shard", shard: { ...shard, group: name } };
}

function parseShard(text: string): { readonly number: number; readonly count: number } {
  const [, number, count] = /^(\d{1,4})\/(\d{1,4})$/.exec(text)?.map(Number) ?? [];
  if (number !== undefined && count !== undefined && number >= 1 && number <= count && count <= 256) {
    return { number, count };
  }
  throw new LifeboatError("input-invalid", "not a shard.", {
    hint: "Write number/count, like 2/8: from 1/8 to 8/8, at most 256.",
  });
}

function parseGroup(text: string): string {
  if (isShardGroup(text)) return text;
  throw new LifeboatError("input-invalid", "not 1 to 60 lower-case letters, digits and hyphens.", {
    hint: "",
  });
}
