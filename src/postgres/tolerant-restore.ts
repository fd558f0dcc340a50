/**
 * pg_restore without `--exit-on-error`: it goes past what the server refuses and counts that at its end. Whatever is no
 * refusal of the server (a lost connection, a full disk, an archive cut short) stays a failure.
 */
import type { RunningTool, ToolExit } from "../system/process.ts";

/** Without it, pg_restore does not name the entries (14 and later). */
export const tolerantArguments = ["--verbose"];

/** Parallel workers write the beginnings of their lines between one another's. */
const named = /from TOC entry (\d+); \d+ \d+ [A-Z]/g;
/** What it says of entries that went well. */
const chatter = /^pg_restore: (?!error: |warning: |from TOC entry |detail: |hint: ).*\n/gm;
const hopeless = [
  /(?:^|: )(?:server closed the connection unexpectedly|no connection to the server|SSL connection has been closed)/m,
  /(?:error|[A-Z]+): .*(?:No space left on device|[Dd]isk quota exceeded)/,
  /[A-Z]+: {2}(?:terminating connection|canceling statement due to user request|the database system is )/,
];

/** `tool` as one that ended well where it only met refusals, whose entries are in `refused` by then. */
export function tolerant(tool: RunningTool, refused: Set<number>): RunningTool {
  const here = new Set<number>();
  let isHopeless = false;
  let held = "";
  tool.child.stderr?.on("data", (text: string) => {
    const lines = (held + text).split("\n");
    held = lines.pop() ?? "";
    const whole = lines.join("\n");
    for (const [, id] of whole.matchAll(named)) here.add(Number(id));
    isHopeless ||= hopeless.some((pattern) => pattern.test(whole));
  });
  const exited = tool.exited.then((exit): ToolExit => {
    const said = { ...exit, stderr: exit.stderr.replaceAll(chatter, "") };
    const wentOn =
      exit.code === 1 && /^pg_restore: warning: errors ignored on restore: \d+$/m.test(exit.stderr);
    if (!wentOn || isHopeless || here.size === 0) return said;
    for (const id of here) refused.add(id);
    return { ...said, code: 0 };
  });
  return { ...tool, exited };
}
