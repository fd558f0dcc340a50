/** `pg_restore --list` on an archive while it passes by: its table of contents stands at the head of the stream. */
import { LifeboatError } from "../errors.ts";
import { drainedOrClosed, exitedWell, startTool, toolFailed } from "../system/process.ts";
import { type ClientTools, toolPath } from "./client-tools.ts";

export interface ArchiveListing {
  /** A copy of the next bytes; resolves when more may come. Bytes after the table of contents are dropped. */
  write(chunk: Uint8Array): Promise<void>;
  /** The listing; call after the last byte. */
  finish(): Promise<string>;
  stop(): void;
}

/** `decompressor` is put before pg_restore where the stream is compressed. */
export async function startArchiveListing(
  tools: ClientTools,
  decompressor?: { readonly program: string; readonly decompressArgs: readonly string[] },
): Promise<ArchiveListing> {
  const restore = await startTool({ program: toolPath(tools, "pg_restore"), args: ["--list"] }, "pipe");
  const head =
    decompressor === undefined
      ? restore
      : await startTool({ program: decompressor.program, args: decompressor.decompressArgs }, [
          "pipe",
          restore.child.stdin,
          "pipe",
        ]);
  if (head !== restore) restore.child.stdin?.destroy();
  const stdin = head.child.stdin;
  if (stdin === null) throw new LifeboatError("unexpected", "pg_restore has no pipe.");
  let open = true;
  // pg_restore leaves as soon as it has read the table of contents; that is no error.
  stdin.on("error", () => (open = false)).on("close", () => (open = false));
  const text: Buffer[] = [];
  restore.child.stdout?.on("data", (chunk: Buffer) => text.push(chunk));
  return {
    async write(chunk) {
      if (!open || stdin.write(chunk)) return;
      await drainedOrClosed(stdin);
    },
    async finish() {
      if (open) stdin.end();
      const exit = await restore.exited;
      head.child.kill("SIGKILL");
      if (exitedWell(exit)) return Buffer.concat(text).toString("utf8");
      throw toolFailed("pg_restore --list", exit, "dump-failed");
    },
    stop() {
      restore.child.kill("SIGKILL");
      head.child.kill("SIGKILL");
    },
  };
}
