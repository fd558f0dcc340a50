/** Extensions that can only be in a database of a certain name, with their rows, once the restored one has it. */
import { entriesOf } from "./post-data-stages.ts";
import { restoreStreamed } from "./load.ts";
import { type Loading, loadingOf, type LoadOptions, onlySchema } from "./load-options.ts";
import { rowsWithout, type SkippedEntry } from "./missing-extensions.ts";
import { readPartToc } from "./restore-rows.ts";
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";
import { feedPart } from "./restore-stream.ts";

export interface Late {
  readonly toc: ArchiveToc;
  /** What was left out for these extensions. */
  readonly skipped: readonly SkippedEntry[];
  readonly extensions: readonly string[];
  readonly database: Parameters<typeof rowsWithout>[1];
}

/** As pg_restore would have brought it: definitions, rows, and what needs them. */
export async function loadLate(given: LoadOptions, late: Late): Promise<void> {
  const options = loadingOf({ ...given, isAtomic: true });
  const { toc, skipped, extensions, database } = late;
  const wanted = new Set(skipped.map(({ entry }) => entry));
  const before = entriesOf(toc, "pre-data").filter((entry) => wanted.has(entry));
  const after = entriesOf(toc, "post-data").filter((entry) => wanted.has(entry));
  const schema = onlySchema(options.files).name;
  await restoreOf(options, schema, before);
  for (const { name, role } of options.files) {
    if (role !== "rest" && role !== "data") continue;
    const part = await readPartToc(options.source, options.tools, name);
    await restoreOf(options, name, rowsWithout(part, database, extensions, skipped));
  }
  await restoreOf(options, schema, after);
}

async function restoreOf(options: Loading, name: string, entries: readonly TocEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const { source, tools } = options;
  await restoreStreamed(options, [], entries, (restore) =>
    feedPart({ source, name, zstd: tools.zstd }, restore, { stopsEarly: true }),
  );
}
