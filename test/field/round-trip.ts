/** A database of the field through all of it: made by SQL, backed up, verified by a real restore, restored as new. */
import type { Connection } from "../../src/postgres/connection.ts";
import type { VerifyReport } from "../../src/operations/verify-snapshot.ts";
import type { SnapshotRestoreReport } from "../../src/operations/restore-snapshot.ts";
import type { SnapshotJson } from "../../src/snapshot/snapshot-json.ts";
import type { TestServer } from "../support/servers.ts";
import { backUp, connectionTo, restore, type Safe, verify } from "../integration/backup/backing-up.ts";
import { dumpedRows, dumpedSchema } from "../integration/round-trip/dumped-text.ts";

export interface RoundTrip {
  readonly snapshot: SnapshotJson;
  readonly verified: VerifyReport;
  readonly restored: SnapshotRestoreReport;
  readonly source: Connection;
  readonly target: Connection;
}

/** Backs up `database` of `from`, verifies it on `to`, restores it there as `<database> again`. */
export async function roundTrip(
  safe: Safe,
  from: TestServer,
  database: string,
  to: TestServer = from,
): Promise<RoundTrip> {
  const source = connectionTo(from, database);
  const { snapshot } = await backUp(safe, source);
  const verified = await verify(safe, snapshot.id, {
    level: "restored",
    server: connectionTo(to, "postgres"),
    trustContents: true,
  });
  const target = connectionTo(to, `${database} again`);
  const restored = await restore(safe, snapshot.id, { target, mode: { kind: "new-database" } });
  return { snapshot, verified, restored, source, target };
}

/** What stock pg_dump writes of both sides, rows included. */
export async function dumpsOfBoth(
  { source, target }: RoundTrip,
  from: number,
  to: number = from,
): Promise<{ readonly source: string; readonly target: string }> {
  const of = async (connection: Connection, major: number): Promise<string> =>
    [await dumpedSchema(connection, major), await dumpedRows(connection, major)].join("\n");
  return { source: await of(source, from), target: await of(target, to) };
}
