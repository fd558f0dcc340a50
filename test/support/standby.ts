/** A hot standby of a test's server, by pg_basebackup: it replays what the primary does, and can only be read. */
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startServer, type TestServer } from "./servers.ts";

/** The primary needs `wal_level=replica` and `max_wal_senders`. */
export async function startStandby(primary: TestServer): Promise<TestServer> {
  return await startServer(primary.major, {
    copyOf: (dataDir, user) =>
      promisify(execFile)(
        join(primary.binDir, "pg_basebackup"),
        [
          ...["-D", dataDir, "-h", primary.socketDir, "-p", String(primary.port), "-U", primary.superuser],
          ...["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"],
        ],
        { ...user, cwd: "/" },
      ).then(() => {}),
  });
}

/** Resolves when the standby has what the primary has now. */
export async function caughtUp(primary: TestServer, standby: TestServer): Promise<void> {
  const [now] = await primary.sql("postgres", "select pg_current_wal_lsn() as lsn");
  for (let tries = 0; tries < 600; tries += 1) {
    const [there] = await standby.sql(
      "postgres",
      `select pg_last_wal_replay_lsn() >= '${now?.["lsn"] ?? ""}'::pg_lsn as done`,
    );
    if (there?.["done"] === "t") return;
    await sleep(50);
  }
  throw new Error("The standby does not catch up.");
}
