/** A pg_dump archive as the SQL text that it stands for. */
import { LifeboatError } from "../errors.ts";
import { exitedWell, feed, startTool, toolFailed } from "../system/process.ts";
import { type ClientTools, toolPath } from "./client-tools.ts";

/**
 * `pg_restore -f -` over an uncompressed archive; `extraArgs` may narrow it (`--schema-only`, `--create`).
 * Throws `archive-unreadable` for what pg_restore refuses; errors of the source pass through unchanged.
 */
export async function* readArchive(
  tools: ClientTools,
  archive: AsyncIterable<Uint8Array>,
  extraArgs: readonly string[] = [],
): AsyncGenerator<Uint8Array> {
  const program = toolPath(tools, "pg_restore");
  const restore = await startTool({ program, args: ["--file=-", ...extraArgs] }, ["pipe", "pipe", "pipe"]);
  const { stdin, stdout } = restore.child;
  if (stdin === null || stdout === null) throw new LifeboatError("unexpected", "pg_restore has no pipes.");
  const feeding = feed(archive, stdin, { toTheEnd: true });
  feeding.catch(() => restore.child.kill("SIGKILL"));
  try {
    for await (const text of stdout as AsyncIterable<Uint8Array>) yield text;
    await feeding;
    const exit = await restore.exited;
    if (exitedWell(exit)) return;
    throw toolFailed("pg_restore", exit, "archive-unreadable");
  } finally {
    restore.child.kill("SIGKILL");
  }
}
