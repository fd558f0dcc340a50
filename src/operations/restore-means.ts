/** What a restore works with, whichever way it goes. */
import type { Sql } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import type { SkippedEntry } from "../postgres/missing-extensions.ts";
import type { Refusal } from "../postgres/refusal.ts";
import type { PartSource, RestoreTools } from "../postgres/restore-stream.ts";
import type { Contents, TableContents } from "../snapshot/contents.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { Finding, Verdict } from "../verification/findings.ts";
import type { RestoreHooks, RunHook } from "./restore-hooks.ts";

export interface RestoreMeans {
  /** The plan's own target. */
  readonly target: Connection;
  readonly contents: Contents;
  readonly source: PartSource;
  readonly tools: RestoreTools;
  /** Names what this restore makes; a new snapshot id. */
  readonly id: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Looked at right before each step that nothing takes back. */
  readonly signal: AbortSignal;
  readonly hooks?: RestoreHooks;
  readonly runHook: RunHook;
  /**
   * For throwaway servers only: nothing of the backup runs as a superuser, and what is written in languages that reach
   * out of the database is left out.
   */
  readonly confined?: boolean;
  /** For checks: nothing of the backup may ask another server for anything. */
  readonly isCheck?: boolean;
  /** Compares the loaded database with the backup, but for what was skipped, before anything else sees it. */
  readonly verifyRestored: (
    connection: Connection,
    skipped: readonly SkippedEntry[],
    /** Of a confined restore, whose `connection` is no superuser's: opened before anything of the backup was there. */
    superuser?: Sql,
    /** What the server did not take. */
    refusals?: readonly Refusal[],
  ) => Promise<RestoreVerdict>;
  /** The same for chosen tables, inside the open transaction. */
  readonly verifyTables: (sql: Sql, tables: readonly TableContents[]) => Promise<readonly Finding[]>;
}

export interface RestoreVerdict {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
}
