/** Owns a throwaway server and says where it is, until it is killed. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startThrowawayServer } from "../../../src/postgres/throwaway-server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

const server = await startThrowawayServer({
  binDir: "/usr/lib/postgresql/15/bin",
  major: 15,
  folder: process.argv[2] ?? "",
  clock: systemClock,
  logger: silentLogger,
});
const pid = Number(readFileSync(join(server.folder, "data/postmaster.pid"), "utf8").split("\n")[0]);
const children = execFileSync("ps", ["-o", "pid=,comm=", "--ppid", String(pid)]).toString();
const watchdog = Number(/(\d+) sh$/m.exec(children)?.[1]);
process.stdout.write(JSON.stringify({ folder: server.folder, pid, watchdog }));
setInterval(() => {}, 1000);
