/** Whether a process that left something behind still lives: its number alone says little, because numbers are used again. */
import { readFile } from "node:fs/promises";

/** Ticks since boot at which the process started, where the machine tells (Linux). */
export async function startTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/** `start` is what `startTime` said then; "0" where the machine does not tell. */
export async function lives(pid: number, start: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: string }).code === "ESRCH") return false;
  }
  const now = await startTime(pid);
  return now === undefined || start === "0" || now === start;
}
