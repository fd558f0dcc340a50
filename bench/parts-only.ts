/**
 * A backup without counts and hashes, which the product does not offer: its own modules, put together as
 * back-up-database.ts does, up to the last stored, read back and proven part. A process of its own:
 * `node bench/parts-only.ts DATABASE_URL STORE_FOLDER RECIPIENT JOBS`.
 */
import { availableParallelism } from "node:os";
import { startGlobalsDump, startPartDump } from "../src/operations/dump-part.ts";
import { sealedName } from "../src/operations/describe-database.ts";
import { tableDataOids } from "../src/postgres/archive-toc.ts";
import { withClient } from "../src/postgres/client.ts";
import { parseConnection } from "../src/postgres/connection.ts";
import { planParts, proveCoverage } from "../src/postgres/dump-parts.ts";
import type { DumpStream } from "../src/postgres/dump-stream.ts";
import { inspectServer } from "../src/postgres/inspect-server.ts";
import { ensureClientTools } from "../src/postgres/install-programs.ts";
import { openSnapshotSession } from "../src/postgres/snapshot-session.ts";
import { parseRecipients } from "../src/seal/recipients.ts";
import { sealStream } from "../src/seal/seal.ts";
import { findZstd } from "../src/seal/zstd.ts";
import { newSnapshotId } from "../src/snapshot/ids.ts";
import { directoryStore } from "../src/store/directory.ts";
import { systemClock } from "../src/system/clock.ts";
import { silentLogger } from "../src/system/logger.ts";

const [url = "", path = "", recipient = "", jobs = "1"] = process.argv.slice(2);
const connection = parseConnection(url, "database URL");
const recipients = parseRecipients([recipient], undefined);
const store = directoryStore({ path, clock: systemClock, logger: silentLogger });
const server = await withClient(connection, inspectServer);
const tools = await ensureClientTools(server.major, { logger: silentLogger });
const zstd = await findZstd();
await using snapshot = await openSnapshotSession(connection);
const parts = planParts(snapshot.tables, Number(jobs));
const draft = await store.begin({ source: "database", id: newSnapshotId(systemClock.now()) });
const signal = new AbortController().signal;
const source = {
  connection,
  cores: availableParallelism(),
  tools,
  zstd,
  isStandby: false,
  encoding: "UTF8",
  snapshotName: snapshot.name,
  signal,
};

async function storeDump(
  name: ReturnType<typeof sealedName>,
  starting: Promise<DumpStream>,
): Promise<string> {
  const dump = await starting;
  await draft.put(name, sealStream(dump.compressed, recipients).bytes);
  return dump.result().listing;
}

const [listings] = await Promise.all([
  Promise.all(
    parts.map(
      async (part) =>
        [part.name, await storeDump(sealedName(part.name), startPartDump(part, source))] as const,
    ),
  ),
  storeDump(sealedName("globals.sql"), startGlobalsDump(source)),
]);
await snapshot.proveAlive();
proveCoverage(parts, new Map(listings.map(([name, listing]) => [name, tableDataOids(listing)])));
await draft.abandon();
