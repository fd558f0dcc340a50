/** What a load is asked for, and what it keeps in mind while it is under way. */
import { LifeboatError } from "../errors.ts";
import type { ContentsFile, DatabaseContents } from "../snapshot/contents.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { Connection } from "./connection.ts";
import type { SkippedEntry } from "./missing-extensions.ts";
import type { Refusal } from "./refusal.ts";
import type { PartSource, RestoreTools } from "./restore-stream.ts";

export interface LoadOptions {
  /** The empty database to load into. */
  readonly connection: Connection;
  readonly source: PartSource;
  /** The contents' files; `globals` is left alone here. */
  readonly files: readonly ContentsFile[];
  readonly tools: RestoreTools;
  /** Connections at once, at least 1. */
  readonly jobs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folder in memory for the schema archive, unlinked as soon as it is open. Default /dev/shm. */
  readonly memoryFolder?: string;
  /** What the server lacks, and what is left out for it. */
  readonly without?: Without;
  /** Dump ids of entries that come without their owner; `giveToOwners` has the reason. */
  readonly withoutOwner?: ReadonlySet<number>;
  /** The first refusal ends it. Default: everything else is loaded, and what was refused is tried again. */
  readonly isAtomic?: boolean;
  /** Everything belongs to the restoring role. */
  readonly isOwnerless?: boolean;
  /** Everything is in the database's own tablespace. */
  readonly isUnplaced?: boolean;
  /** The database's own, as in `SET search_path`, for what needs one. */
  readonly searchPath?: string;
}

/** While it is under way. */
export interface Loading extends LoadOptions {
  /** Entries of the schema archive that the server refused. */
  readonly refused: Set<number>;
  /** The same of parts with rows. */
  readonly refusedRows: ReadonlyMap<string, Set<number>>;
}

export interface Without {
  readonly missing: readonly string[];
  readonly skipped: readonly SkippedEntry[];
  readonly database: Pick<DatabaseContents, "extensions" | "tables">;
}

export interface LoadReport {
  readonly seconds: { readonly preData: number; readonly data: number; readonly postData: number };
  /** What is missing or otherwise than in the backup, because the server would not have it. */
  readonly refusals: readonly Refusal[];
}

export function partsOf({ files }: LoadOptions): readonly ContentsFile[] {
  return files
    .filter((file) => file.role === "rest" || file.role === "data")
    .toSorted((a, b) => b.rawBytes - a.rawBytes);
}

export function loadingOf(options: LoadOptions): Loading {
  const refusedRows = new Map(partsOf(options).map(({ name }) => [name, new Set<number>()]));
  return { ...options, refused: new Set(), refusedRows };
}

export function onlySchema(files: readonly ContentsFile[]): ContentsFile {
  const [schema, ...others] = files.filter((file) => file.role === "schema");
  if (schema !== undefined && others.length === 0) return schema;
  throw new LifeboatError("snapshot-damaged", "The snapshot does not have exactly one schema archive.");
}
