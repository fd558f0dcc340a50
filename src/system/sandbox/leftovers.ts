/** Folders of sandboxes, removed although what lies in them may belong to an account that nobody has. */
import { lstat, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runTool } from "../process.ts";

/** Rejects where it cannot be removed, even by `sudo`, or is not ours. */
export async function removeRoom(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    return;
  } catch (cause) {
    const stat = await lstat(folder);
    if (!stat.isDirectory() || stat.uid !== process.getuid?.()) throw cause;
  }
  // Folders of ours may have been made unreadable by what ran in them; those of the account are root's to remove.
  await runTool({ program: "chmod", args: ["-R", "u+rwX", folder] }).catch(() => {});
  const again = await runTool({ program: "rm", args: ["-rf", "--", folder] }).then(
    () => true,
    () => false,
  );
  if (!again) await runTool({ program: "sudo", args: ["-n", "rm", "-rf", "--", folder] });
}

/** Ends a sandbox whose owner is gone and whose life line did not do it. */
export async function endLeftoverSandbox(folder: string): Promise<void> {
  const pid = Number(await readFile(join(folder, "supervisor"), "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 1) return;
  // Pids are used again: only a process that names this very folder is meant.
  for (let tries = 0; tries < 50 && (await names(pid, folder)); tries += 1) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      await runTool({ program: "sudo", args: ["-n", "kill", "-KILL", String(pid)] }).catch(() => {});
    }
    await delay(100);
  }
}

async function names(pid: number, folder: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return command.split("\0").includes(folder);
}
