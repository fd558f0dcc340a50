/** Owns a throwaway server and says where it is, until it is killed. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startThrowawayServer } from "../../../src/postgres/throwaway-server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { findIsolation } from "../../../src/system/sandbox/isolation.ts";
import { isIsolation } from "../../../src/system/sandbox/way.ts";

const isolated = process.argv[3] === "isolated";
const isolation = isolated ? await findIsolation(process.argv[2] ?? "") : undefined;
if (isolation !== undefined && !isIsolation(isolation)) throw new Error(isolation.missing);

const server = await startThrowawayServer({
  binDir: "/usr/lib/postgresql/15/bin",
  major: 15,
  folder: process.argv[2] ?? "",
  clock: systemClock,
  logger: silentLogger,
  isolation,
});
if (isolated) {
  const supervisor = Number(readFileSync(join(server.folder, "supervisor"), "utf8"));
  // The shell that waits for the end of our pipe.
  const guard = Number(
    execFileSync("pgrep", ["-P", String(supervisor), "-x", "sh"])
      .toString()
      .trim(),
  );
  process.stdout.write(JSON.stringify({ folder: server.folder, pid: supervisor, watchdog: guard }));
} else {
  describeOrdinary();
}
setInterval(() => {}, 1000);

function describeOrdinary(): void {
  const pid = Number(readFileSync(join(server.folder, "data/postmaster.pid"), "utf8").split("\n")[0]);
  const children = execFileSync("ps", ["-o", "pid=,comm=", "--ppid", String(pid)]).toString();
  const watchdog = Number(/(\d+) sh$/m.exec(children)?.[1]);
  process.stdout.write(JSON.stringify({ folder: server.folder, pid, watchdog }));
}
