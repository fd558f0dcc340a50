/** Contents of large objects out of an archive and into the open transaction; the objects are there already. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";
import { startListed, wholeLines } from "./restore-rows.ts";
import { feedPart, type PartStream, type RestoreTools } from "./restore-stream.ts";
import type { TocEntry } from "./restore-toc.ts";

const batchBytes = 1024 * 1024;

/** `entries` are of kind BLOBS, all out of one part. */
export async function loadLargeObjects(
  sql: Sql,
  part: PartStream,
  tools: RestoreTools,
  entries: readonly TocEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const listed = await startListed(tools, entries);
  const script = listed.child.stdout;
  if (script === null) throw new LifeboatError("unexpected", "pg_restore has no stdout.");
  const feeding = feedPart(part, listed, { stopsEarly: true });
  // Both are awaited below; a failure of one while the other is busy must not be unhandled.
  feeding.catch(() => {});
  let failure: { readonly cause: unknown } | undefined;
  try {
    let batch: string[] = [];
    let bytes = 0;
    const send = async (): Promise<void> => {
      if (batch.length > 0) await sql.query(batch.join("\n"));
      [batch, bytes] = [[], 0];
    };
    for await (const lines of wholeLines(script)) {
      // pg_restore would commit here; what else stands there settles its own session.
      for (const line of lines.filter((text) =>
        /^SELECT pg_catalog\.lo(?:_open|write|_close)\(/.test(text),
      )) {
        batch.push(line);
        bytes += line.length;
        if (bytes > batchBytes) await send();
      }
    }
    await send();
  } catch (cause) {
    failure = { cause };
    listed.child.kill("SIGKILL");
    script.destroy();
  }
  await feeding.catch((cause: unknown) => (failure ??= { cause }));
  if (failure !== undefined) throw failure.cause;
}
