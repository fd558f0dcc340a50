/** The commands of one backup: what pg_dump and pg_dumpall are asked, and how their output is compressed. */
import type { ClientTools } from "../postgres/client-tools.ts";
import type { Connection } from "../postgres/connection.ts";
import type { DumpPart } from "../postgres/dump-parts.ts";
import { type Compressor, type DumpStream, startDump } from "../postgres/dump-stream.ts";
import { keptAlive, libpqEnvironment } from "../postgres/libpq.ts";
import { lockWaitMs } from "../postgres/snapshot-session.ts";
import { compressStream } from "../seal/node-zstd.ts";
import { compressArguments, readZstdReport } from "../seal/zstd.ts";

export interface DumpSource {
  readonly connection: Connection;
  readonly tools: ClientTools;
  /** The zstd binary, if there is one. */
  readonly zstd: string | undefined;
  readonly snapshotName: string;
  readonly isStandby: boolean;
  /** The database's own. */
  readonly encoding: string;
  readonly cores: number;
  readonly signal: AbortSignal;
}

/** One part of the database at the snapshot's moment. */
export function startPartDump(part: DumpPart, source: DumpSource): Promise<DumpStream> {
  return startDump({
    ...common(source),
    program: "pg_dump",
    args: [
      "--format=custom",
      "--compress=0",
      // Byte for byte as it is stored: not everything has an equivalent elsewhere, or is what it is said to be.
      `--encoding=${source.encoding}`,
      `--snapshot=${source.snapshotName}`,
      `--lock-wait-timeout=${lockWaitMs}`,
      "--no-password",
      keptAlive,
      // A standby has no rows of unlogged tables and no values of unlogged sequences, and refuses to look for them.
      ...(source.isStandby ? ["--no-unlogged-table-data"] : []),
      ...part.selection,
    ],
    listArchive: true,
  });
}

/**
 * Roles, memberships and their settings. Without passwords: reading them takes a superuser, and a restore gives
 * missing roles none.
 */
export function startGlobalsDump(source: DumpSource): Promise<DumpStream> {
  return startDump({
    ...common(source),
    program: "pg_dumpall",
    args: [
      "--globals-only",
      "--no-role-passwords",
      // Without an encoding there is nothing that could be turned into UTF-8.
      `--encoding=${source.encoding === "SQL_ASCII" ? "SQL_ASCII" : "UTF8"}`,
      "--no-password",
      keptAlive,
      `--database=${source.connection.database}`,
    ],
    listArchive: false,
  });
}

function common(
  source: DumpSource,
): Pick<Parameters<typeof startDump>[0], "tools" | "env" | "compressor" | "signal" | "connection"> {
  return {
    connection: source.connection,
    tools: source.tools,
    env: libpqEnvironment(source.connection),
    compressor: compressor(source),
    signal: source.signal,
  };
}

function compressor({ zstd, cores }: DumpSource): Compressor {
  if (zstd === undefined) return { kind: "library", compress: compressStream };
  return {
    kind: "program",
    program: zstd,
    args: compressArguments(cores),
    decompressArgs: ["-d", "-c", "-q"],
    report: readZstdReport,
  };
}
