/** Processes of this machine as /proc tells them: who belongs to a run that was started with a folder of its own. */
import { readdir, readFile } from "node:fs/promises";

export interface SeenProcess {
  readonly pid: number;
  readonly command: readonly string[];
}

/** All processes whose environment says TMPDIR=folder: a run's and everything that it has started, orphans too. */
export async function processesOf(folder: string): Promise<readonly SeenProcess[]> {
  const found: SeenProcess[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // Gone since the folder was listed, or not ours to look at.
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(`TMPDIR=${folder}`)) continue;
    found.push({ pid: Number(name), command: await commandOf(name) });
  }
  return found;
}

/** The direct children of a process, at once: cheap enough to catch a child that lives for milliseconds. */
export async function childrenOf(parent: number): Promise<readonly SeenProcess[]> {
  const pids = await readFile(`/proc/${parent}/task/${parent}/children`, "utf8").catch(() => "");
  const children = pids
    .split(" ")
    .filter((pid) => pid !== "")
    .map(async (pid) => ({ pid: Number(pid), command: await commandOf(pid) }));
  return await Promise.all(children);
}

async function commandOf(pid: string): Promise<readonly string[]> {
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return command.split("\0").slice(0, -1);
}

/** Whether this is the program `name`, started by itself or through an interpreter or loader. */
export function runsProgram({ command }: SeenProcess, name: string): boolean {
  return command.some((argument) => argument.split("/").at(-1) === name);
}
