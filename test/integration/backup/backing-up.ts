/** Backs up, verifies and restores as an action does: real keys, a store in a folder, the operations themselves. */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  backUpDatabase,
  type DatabaseBackupReport,
  type DatabaseBackupRequest,
} from "../../../src/operations/back-up-database.ts";
import type { RestoreRequest } from "../../../src/operations/plan-database-restore.ts";
import { restoreSnapshot, type SnapshotRestoreReport } from "../../../src/operations/restore-snapshot.ts";
import { readSealedContents } from "../../../src/operations/sealed-files.ts";
import {
  type VerifyReport,
  type VerifyRequest,
  verifySnapshot,
  type VerifySurroundings,
} from "../../../src/operations/verify-snapshot.ts";
import { type ClientTools, findClientTools } from "../../../src/postgres/client-tools.ts";
import { type Connection, parseConnection } from "../../../src/postgres/connection.ts";
import { generateIdentity, type Identities, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients, type Recipients } from "../../../src/seal/recipients.ts";
import { type Contents, type DatabaseContents, databaseOf } from "../../../src/snapshot/contents.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { clientBinDir, type Major, type TestServer } from "../../support/servers.ts";
import { wholeBinDir } from "../../support/whole-programs.ts";

/** What one test file backs up into, with the only key that opens it. */
export interface Safe extends AsyncDisposable {
  /** Removed at the end; nothing but sealed files may ever stand in it. */
  readonly folder: string;
  readonly store: Store;
  readonly recipients: Recipients;
  readonly identities: Identities;
}

export async function newSafe(): Promise<Safe> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-safe-"));
  // A check's server runs as another user where the tests run as root.
  await chmod(folder, 0o711);
  await mkdir(join(folder, "store"));
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: new Date(0) });
  return {
    folder,
    store: directoryStore({ path: join(folder, "store"), clock: systemClock, logger: silentLogger }),
    recipients: parseRecipients([recipient]),
    identities: parseIdentities(fileText),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export async function toolsOf(major: number): Promise<ClientTools> {
  const binDir = await clientBinDir(major as Major);
  const tools = binDir === undefined ? undefined : await findClientTools(major, binDir);
  if (tools === undefined) throw new Error(`There are no client tools ${major}.`);
  return tools;
}

export interface BackUpOptions extends Partial<Omit<DatabaseBackupRequest, "connection" | "recipients">> {
  /** false: as on a machine without the zstd binary. */
  readonly zstd?: boolean;
  readonly clientTools?: (major: number) => Promise<ClientTools>;
  readonly signal?: AbortSignal;
}

export function backUp(
  safe: Safe,
  connection: Connection,
  { zstd = true, clientTools = toolsOf, signal, ...request }: BackUpOptions = {},
): Promise<DatabaseBackupReport> {
  return backUpDatabase(
    {
      source: "database",
      tiers: ["daily"],
      signingKey: undefined,
      jobs: 3,
      cores: 1,
      hashes: true,
      ...request,
      connection,
      recipients: safe.recipients,
    },
    {
      store: safe.store,
      clock: systemClock,
      logger: silentLogger,
      lifeboatVersion: "0.0.0",
      zstd: zstd ? "zstd" : undefined,
      signal: signal ?? new AbortController().signal,
      clientTools,
    },
  );
}

export function verify(
  safe: Safe,
  id: string,
  request: Partial<VerifyRequest> & Pick<VerifyRequest, "level">,
  surroundings: Partial<VerifySurroundings> = {},
): Promise<VerifyReport> {
  return verifySnapshot(
    {
      source: "database",
      choice: { kind: "id", id },
      identities: safe.identities,
      waive: [],
      signer: undefined,
      server: undefined,
      jobs: 2,
      ...request,
    },
    {
      store: safe.store,
      clock: systemClock,
      logger: silentLogger,
      zstd: "zstd",
      temporaryFolder: safe.folder,
      signal: new AbortController().signal,
      lifeboatVersion: "0.0.0",
      clientTools: toolsOf,
      serverPrograms: () => Promise.resolve(),
      extensionPackages: () => Promise.resolve(),
      ...surroundings,
    },
  );
}

/** In a throwaway server of the snapshot's own major, whatever folders its programs come from. */
export function verifyThrownAway(
  safe: Safe,
  id: string,
  request: Partial<VerifyRequest> = {},
): Promise<VerifyReport> {
  const clientTools = async (major: number): Promise<ClientTools> => {
    const tools = await findClientTools(major, await wholeBinDir(major as Major, safe.folder));
    if (tools === undefined) throw new Error(`There are no programs of PostgreSQL ${major}.`);
    return tools;
  };
  return verify(safe, id, { level: "restored", ...request }, { clientTools });
}

export function restore(
  safe: Safe,
  id: string,
  request: Omit<RestoreRequest, "jobs">,
  clientTools: (major: number) => Promise<ClientTools> = toolsOf,
): Promise<SnapshotRestoreReport> {
  return restoreSnapshot(
    {
      source: "database",
      choice: { kind: "id", id },
      identities: safe.identities,
      request: { jobs: 2, ...request },
      dryRun: false,
      planHash: undefined,
      hooks: {},
    },
    {
      store: safe.store,
      clock: systemClock,
      logger: silentLogger,
      signal: new AbortController().signal,
      zstd: "zstd",
      runHook: () => Promise.resolve(),
      clientTools,
    },
  );
}

export function contentsOf(safe: Safe, snapshot: SnapshotJson): Promise<Contents> {
  return readSealedContents(safe.store, snapshot, safe.identities);
}

export async function databaseContentsOf(safe: Safe, snapshot: SnapshotJson): Promise<DatabaseContents> {
  return databaseOf(await contentsOf(safe, snapshot));
}

/** As the superuser over TCP, or as another role with its password. */
export function connectionTo(
  server: TestServer,
  database: string,
  role?: { readonly user: string; readonly password: string },
): Connection {
  const connection = parseConnection(server.url(database), "test's URL");
  return role === undefined ? connection : { ...connection, ...role };
}

/** Every finding of a report that is more than information, in one readable list. */
export function complaints(report: Pick<VerifyReport, "components">): readonly string[] {
  return report.components.flatMap(({ component, findings }) =>
    findings
      .filter(({ level }) => level !== "info")
      .map(({ level, code, sentence }) => `${component}: ${level} ${code}: ${sentence}`),
  );
}
