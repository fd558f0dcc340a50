/** Whether files have ACLs, capabilities or other extended attributes, which no tar of ours holds. */
import { relative, resolve } from "node:path";
import { runTool } from "../system/process.ts";
import type { TreeRequest } from "./file-tree.ts";

/** SELinux labels every file by itself, from its path. */
const byTheSystem = "security.selinux";

/** How many entries have any; undefined where `getfattr` is not installed and nobody can tell. */
export async function countAttributes({ base, paths, isExcluded }: TreeRequest): Promise<number | undefined> {
  const args = [
    "-R",
    "-P",
    "-h",
    "-m",
    "-",
    "--absolute-names",
    "--",
    ...paths.map((path) => resolve(base, path)),
  ];
  const listed = await runTool({ program: "getfattr", args }).catch(() => undefined);
  if (listed === undefined) return undefined;
  let count = 0;
  for (const block of listed.stdout.toString("utf8").split("\n\n")) {
    const [head = "", ...names] = block.trim().split("\n");
    if (!head.startsWith("# file: ") || names.every((name) => name === byTheSystem)) continue;
    const name = relative(base, head.slice("# file: ".length));
    if (!isExcluded(name)) count += 1;
  }
  return count;
}
