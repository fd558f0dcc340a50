/** git at work on a backup's bundle, where it sees that file and nothing else. */
import { stat } from "node:fs/promises";
import { LifeboatError } from "../errors.ts";
import { exitedWell, toolFailed } from "../system/process.ts";
import { sandboxCommand } from "../system/sandbox/bubblewrap.ts";
import type { Isolation } from "../system/sandbox/way.ts";
import { usualLimits } from "../system/sandbox/limits.ts";
import { insideName, prepareRoom } from "../system/sandbox/room.ts";
import { runToEnd } from "../system/sandbox/run.ts";
import { programPath } from "../system/sandbox/view.ts";
import { cloneBundle, type RepositoryFacts } from "./git-repository.ts";

export interface BundleToClone {
  /** Ours, empty but for the bundle; whoever calls removes it with `removeRoom`. */
  readonly folder: string;
  readonly bundle: string;
  readonly headRef: string | undefined;
}

const bundleName = "/bundle";
/** git maps as much of a pack as it may; the limit of memory is one of address space. */
const modest = ["-c", "core.packedGitLimit=512m", "-c", "core.packedGitWindowSize=32m"];

/** As `cloneBundle`, below `folder`. */
export async function cloneIsolated(
  isolation: Isolation,
  { folder, bundle, headRef }: BundleToClone,
): Promise<readonly RepositoryFacts["refs"][number][]> {
  const program = programPath("git");
  if (program === undefined) throw new LifeboatError("tool-missing", "git is not installed.");
  const room = await prepareRoom(isolation, folder);
  const usual = usualLimits();
  const limits = { ...usual, fileBytes: usual.fileBytes + 2 * (await stat(bundle)).size };
  const run = async (args: readonly string[]): Promise<string> => {
    const command = sandboxCommand(isolation, room, {
      program,
      args: [...modest, ...args],
      readOnly: { [bundle]: bundleName },
      limits,
    });
    const { exit, stdout } = await runToEnd(command, limits);
    if (exitedWell(exit)) return stdout.toString("utf8").trim();
    throw toolFailed("git", exit);
  };
  return await cloneBundle(bundleName, `${insideName}/repository.git`, headRef, run);
}
