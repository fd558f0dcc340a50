/** What a restore of a database snapshot is asked for, and what it needs of its surroundings. */
import type { ClientTools } from "../postgres/client-tools.ts";
import type { Identities } from "../seal/identities.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { Store } from "../store/store.ts";
import type { RunElevated } from "../supabase/elevated.ts";
import type { ProjectChoice } from "../supabase/project-mode.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { SnapshotChoice } from "./locate-snapshot.ts";
import type { RestoreRequest } from "./plan-database-restore.ts";
import type { RestoreHooks } from "./restore-hooks.ts";
import type { RestoreMeans } from "./restore-means.ts";
import type { VerifySurroundings } from "./verify-snapshot.ts";
import type { Trust } from "./vouched-documents.ts";

export interface SnapshotRestoreRequest {
  readonly source: string;
  readonly choice: SnapshotChoice;
  /** Who must have signed the snapshot, and what else witnesses its history. Default: nobody. */
  readonly trust?: Trust;
  readonly identities: Identities;
  readonly request: RestoreRequest;
  /** Where the target is, or may be, a Supabase project. */
  readonly project?: ProjectChoice;
  /** Signs what is backed up before a project is replaced. */
  readonly signingKey?: SigningKey | undefined;
  readonly dryRun: boolean;
  /** Of the dry run that was agreed to; another plan is refused. */
  readonly planHash: string | undefined;
  readonly hooks: RestoreHooks;
}

export interface RestoreSurroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly zstd: string | undefined;
  readonly runHook: RestoreMeans["runHook"];
  clientTools(major: number): Promise<ClientTools>;
  /** Without these nothing can be backed up before it is replaced, so a project is not restored in place. */
  readonly beforeRestore?: BeforeRestoreMeans;
  /** Default: on the ordinary connection, where supautils allows more than stock PostgreSQL. */
  readonly runElevated?: RunElevated;
}

export type BeforeRestoreMeans = Pick<
  VerifySurroundings,
  "temporaryFolder" | "lifeboatVersion" | "serverPrograms" | "extensionPackages"
>;
