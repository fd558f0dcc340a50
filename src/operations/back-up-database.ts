/** Backs up one PostgreSQL database: one moment, in parallel sealed parts, visible only when all of it is stored. */
import { tableDataOids } from "../postgres/archive-toc.ts";
import { withClient } from "../postgres/client.ts";
import {
  belowSecurityFloor,
  type ClientTools,
  olderThanServer,
  securityFloorReason,
} from "../postgres/client-tools.ts";
import type { Connection } from "../postgres/connection.ts";
import { type DumpPart, inWaves, planParts, proveCoverage } from "../postgres/dump-parts.ts";
import { warningFindings } from "../postgres/dump-warnings.ts";
import { fittingJobs } from "../postgres/free-connections.ts";
import { inspectServer, refuseHopelessConnection, serverTime } from "../postgres/inspect-server.ts";
import { refuseHarmfulSettings } from "../postgres/libpq.ts";
import { databaseFingerprint } from "../postgres/left-out.ts";
import { readLockTable, withEnoughLocks } from "../postgres/lock-table.ts";
import { namingRefusedRight } from "../postgres/program-failures.ts";
import { openSnapshotSession } from "../postgres/snapshot-session.ts";
import type { Recipients } from "../seal/recipients.ts";
import { sealDocument } from "../seal/seal.ts";
import {
  type Contents,
  type ContentsFile,
  type DatabaseContents,
  writeContents,
} from "../snapshot/contents.ts";
import { newSnapshotId } from "../snapshot/ids.ts";
import { contentsName } from "../snapshot/keys.ts";
import {
  readSnapshotJson,
  type SeenLedger,
  type SnapshotJson,
  type Tier,
  writeSnapshotJson,
} from "../snapshot/snapshot-json.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import { allOrFirstError, unlessAborted } from "../system/concurrency.ts";
import type { Logger } from "../system/logger.ts";
import { streamOf } from "../system/stream-of.ts";
import type { SupabaseChoice } from "../supabase/profile.ts";
import type { LifeboatError } from "../errors.ts";
import type { Expected } from "../policy/policy.ts";
import { leftOutOfBackup } from "../verification/not-backed-up.ts";
import type { Finding } from "../verification/findings.ts";
import { agreeOnTime, recordedClocks } from "./agree-on-time.ts";
import { expectationError, sizeFindings } from "./compare-with-previous.ts";
import { backUpSupabase, refuseUnreadableSecrets } from "./back-up-supabase.ts";
import { describeDatabase } from "./describe-database.ts";
import { newestHeads } from "./history.ts";
import { storeGlobals, storeParts } from "./store-parts.ts";

export interface DatabaseBackupRequest {
  readonly connection: Connection;
  readonly source: string;
  readonly tiers: readonly Tier[];
  readonly recipients: Recipients;
  readonly signingKey: SigningKey | undefined;
  /** At most so many archives of large tables are dumped at once. */
  readonly jobs: number;
  readonly cores: number;
  /** Content hashes beside the row counts. */
  readonly hashes: boolean;
  /** Whether it is a Supabase project's database. Default `auto`. */
  readonly supabase?: SupabaseChoice;
  /** The vault's secrets, decrypted, in a sealed part of their own. Default false. */
  readonly vault?: boolean;
  /** Verifiers of roles' passwords, in a sealed part of their own. Default false. */
  readonly rolePasswords?: boolean;
  /** For stores that expire files by themselves. */
  readonly retentionDays?: number;
  /** The least that it must have. */
  readonly expect?: Expected;
  /** The ledger's end, which the snapshot remembers. */
  readonly seenLedger?: SeenLedger | undefined;
}

export interface BackupSurroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifeboatVersion: string;
  /** The zstd binary; undefined uses Node's own compressor. */
  readonly zstd: string | undefined;
  /** Ends all children: the run was cancelled. */
  readonly signal: AbortSignal;
  /** Not older than the server's version, where they can be updated. */
  clientTools(major: number, serverVersion?: string): Promise<ClientTools>;
}

export interface DatabaseBackupReport {
  readonly snapshot: SnapshotJson;
  readonly parts: number;
  readonly findings: readonly Finding[];
  readonly seconds: number;
  /** It is stored, but has less than was expected. */
  readonly error?: LifeboatError;
}

export async function backUpDatabase(
  request: DatabaseBackupRequest,
  surroundings: BackupSurroundings,
): Promise<DatabaseBackupReport> {
  const { clock, logger, store } = surroundings;
  const startedMs = clock.elapsedMs();
  await refuseHopelessConnection(request.connection);
  const { connection, cores, recipients, supabase = "auto", vault = false, rolePasswords = false } = request;
  const wishes = { connection, recipients, supabase, vault, rolePasswords };
  const { server, locks, time } = await withClient(connection, async (sql) => {
    const facts = await inspectServer(sql);
    refuseHarmfulSettings(connection, "dump");
    await refuseUnreadableSecrets(sql, wishes);
    const clocks = { "the database server": async () => await serverTime(sql) };
    await sql.query("begin");
    const origin = await databaseFingerprint(sql);
    await sql.query("rollback");
    return {
      server: { ...facts, origin },
      locks: await readLockTable(sql),
      time: await agreeOnTime(clock, store, clocks),
    };
  });
  const started = time.now;
  const clocks = recordedClocks(time, clock);
  const tools = await surroundings.clientTools(server.major, server.version);
  const history = await newestHeads(store, request.source);

  await using snapshot = await openSnapshotSession(request.connection).catch((cause: unknown) => {
    throw namingRefusedRight(withEnoughLocks(cause, locks));
  });
  const planned = (jobs: number): readonly DumpPart[] => planParts(snapshot.tables, jobs, server.encoding);
  const jobs = await fittingJobs(snapshot.sql, request.jobs, (count) => planned(count).length);
  if (jobs < request.jobs)
    logger.warning(`Only ${jobs} of ${request.jobs} jobs: there are too few connections.`);
  const parts = planned(jobs);
  logger.info(`PostgreSQL ${server.version}: ${snapshot.tables.length} tables in ${parts.length} parts.`);

  const id = newSnapshotId(started);
  const { retentionDays, tiers } = request;
  const lifetime = retentionDays === undefined ? {} : { lifetime: { retentionDays, tiers } };
  const draft = await store.begin({ source: request.source, id, ...lifetime });
  const stopped = new AbortController();
  try {
    const { zstd } = surroundings;
    const signal = AbortSignal.any([stopped.signal, surroundings.signal]);
    // Counting and hashing may take hours, or for ever on a dead connection: no reason to wait once all is lost.
    signal.addEventListener("abort", () => snapshot.interrupt(), { once: true });
    const { isStandby, encoding } = server;
    const dumping = {
      isStandby,
      encoding,
      connection,
      cores,
      tools,
      zstd,
      snapshotName: snapshot.name,
      signal,
    };
    const [stored, globals, described, beside] = await allOrFirstError(
      [
        storeParts(inWaves(parts, locks), dumping, draft, recipients),
        storeGlobals(dumping, draft, recipients),
        unlessAborted(describeDatabase(snapshot, server, tools, parts, request), signal),
        // The interruption ends its queries; what may still hang is a connection that is being made.
        unlessAborted(backUpSupabase(snapshot, server, wishes, draft), signal),
      ],
      () => stopped.abort(),
    );
    await snapshot.proveAlive();
    proveCoverage(parts, new Map(stored.map(({ part, listing }) => [part.name, tableDataOids(listing)])));

    const files = [...stored.map(({ file }) => file), globals.file, ...beside.files];
    const database = beside.contents === undefined ? described : { ...described, supabase: beside.contents };
    const contents: Contents = { formatVersion: 1, id, source: request.source, files, database };
    const sealed = await sealDocument(writeContents(contents), request.recipients);
    const end = await agreeOnTime(clock, store, {
      "the database server": async () => await serverTime(snapshot.sql),
    });
    await draft.put(contentsName, streamOf(sealed.bytes));
    const bytes = writeSnapshotJson(
      {
        ...publicFields(request, contents, database),
        id,
        times: {
          started: started.toISOString(),
          snapshot: time.corrected(new Date(snapshot.time), "the database server").toISOString(),
          finished: end.now.toISOString(),
        },
        clocks,
        ...(server.origin === undefined ? {} : { origin: server.origin }),
        versions: { lifeboat: surroundings.lifeboatVersion, server: server.version, client: tools.version },
        heads: [...history.heads],
        seen: [...history.seen],
        ...(request.seenLedger === undefined ? {} : { ledger: request.seenLedger }),
        files: [...contents.files.map(publicFile), { name: contentsName, ...sealed.extents }],
      },
      request.signingKey,
    );
    await draft.commit(bytes);
    const made = readSnapshotJson(bytes, { source: request.source, id });
    const error = expectationError(made, request.expect);
    return {
      snapshot: made,
      parts: parts.length,
      findings: [
        ...(time.findings.length > 0 ? time.findings : end.findings),
        ...history.findings,
        ...clientFindings(tools, server.version),
        ...tlsFindings(connection),
        ...beside.findings,
        ...sizeFindings(made, history.newestWhole(started)),
        ...leftOutOfBackup(database),
        ...warningFindings([...stored, globals].flatMap(({ warnings }) => warnings)),
      ],
      seconds: (clock.elapsedMs() - startedMs) / 1000,
      ...(error === undefined ? {} : { error }),
    };
  } catch (cause) {
    await draft.abandon();
    throw namingRefusedRight(withEnoughLocks(cause, locks));
  }
}

function publicFields(
  request: DatabaseBackupRequest,
  contents: Contents,
  database: DatabaseContents,
): Pick<SnapshotJson, "source" | "kind" | "state" | "tiers" | "recipients" | "totals" | "packs"> {
  const sum = (pick: (file: ContentsFile) => number): number =>
    contents.files.reduce((total, file) => total + pick(file), 0);
  return {
    source: request.source,
    kind: "database",
    state: "whole",
    tiers: [...request.tiers],
    recipients: [...request.recipients.fingerprints],
    totals: {
      tables: database.tables.length,
      rows: database.tables.reduce((total, { rows = 0 }) => total + rows, 0),
      objects: database.largeObjects.count,
      rawBytes: sum((file) => file.rawBytes),
      sealedBytes: sum((file) => file.header.length + file.payload.length),
    },
    packs: [],
  };
}

function publicFile({ name, header, payload }: ContentsFile): SnapshotJson["files"][number] {
  return { name, header, payload };
}

function clientFindings(tools: ClientTools, serverVersion: string): readonly Finding[] {
  const { major, version } = tools;
  const outdated = (level: Finding["level"], code: string, sentence: string): Finding => ({
    level,
    code,
    sentence,
    publicSentence: sentence,
    remedy: `Update the package postgresql-client-${major}.`,
  });
  const older = `The PostgreSQL client tools ${version} are older than the server (${serverVersion}): a server as old as they are may refuse what they wrote.`;
  return [
    ...(belowSecurityFloor(version)
      ? [
          outdated(
            "warning",
            "client-below-security-floor",
            `The PostgreSQL client tools ${version} are outdated: ${securityFloorReason}.`,
          ),
        ]
      : []),
    ...(olderThanServer(tools, serverVersion) ? [outdated("info", "client-older-than-server", older)] : []),
  ];
}

function tlsFindings(connection: Connection): readonly Finding[] {
  const weak = connection.sslModeChosen && connection.sslMode !== "verify-full";
  if (!weak || connection.host.startsWith("/")) return [];
  const sentence = `The connection uses sslmode=${connection.sslMode}, which does not prove the server's identity.`;
  return [
    {
      level: "warning",
      code: "weak-tls",
      sentence,
      publicSentence: sentence,
      remedy: "Use sslmode=verify-full.",
    },
  ];
}
