/** Folders of throwaway servers: named after the process that owns them, swept once that process is gone. */
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../system/logger.ts";
import { lives, startTime } from "../system/process-life.ts";
import { endLeftoverSandbox, removeRoom } from "../system/sandbox/leftovers.ts";

/** Owner's pid and start time stand in the name, so that there is no instant at which a folder has no owner. */
const shape = /^lb-(\d+)-(\d+)-[0-9a-f]+$/;

export async function folderNameOfThisProcess(random: string): Promise<string> {
  return `lb-${process.pid}-${(await startTime(process.pid)) ?? "0"}-${random}`;
}

/** Removes the folders of processes that no longer live, ending a server that still runs in one. */
export async function sweepThrowawayFolders(parent: string, logger: Logger): Promise<void> {
  for (const name of await readdir(parent)) {
    const match = shape.exec(name);
    if (match === null || (await lives(Number(match[1]), match[2] ?? ""))) continue;
    const folder = join(parent, name);
    await endLeftoverSandbox(folder);
    await endServer(join(folder, "data"));
    // Somebody else's leftover in a shared folder is theirs to remove.
    const swept = await removeRoom(folder).then(
      () => true,
      () => false,
    );
    if (swept) logger.info(`Removed ${folder}, left over by a run that was killed.`);
  }
}

async function endServer(data: string): Promise<void> {
  const file = join(data, "postmaster.pid");
  // A backup's SQL could have put a pipe there, whose reading would never end.
  if (!(await lstat(file).catch(() => undefined))?.isFile()) return;
  const pid = Number((await readFile(file, "utf8").catch(() => "")).split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  // The file may be older than the machine's last start: only a process that works in this very folder is ours.
  for (
    let tries = 0;
    tries < 50 && (await readlink(`/proc/${pid}/cwd`).catch(() => "")) === data;
    tries += 1
  ) {
    try {
      process.kill(pid, "SIGQUIT");
    } catch {
      return;
    }
    await delay(100);
  }
}
