/** Dumps, sealed on their way into the draft of a snapshot. */
import type { DumpPart } from "../postgres/dump-parts.ts";
import type { Recipients } from "../seal/recipients.ts";
import { sealStream } from "../seal/seal.ts";
import type { ContentsFile } from "../snapshot/contents.ts";
import type { Draft } from "../store/store.ts";
import { allOrFirstError } from "../system/concurrency.ts";
import { sealedName } from "./describe-database.ts";
import { type DumpSource, startGlobalsDump, startPartDump } from "./dump-part.ts";

export interface StoredPart {
  readonly part: DumpPart;
  readonly file: ContentsFile;
  readonly listing: string;
  readonly warnings: readonly string[];
}

/** One wave after the other, the parts of each at once. */
export async function storeParts(
  waves: readonly (readonly DumpPart[])[],
  source: DumpSource,
  draft: Draft,
  recipients: Recipients,
): Promise<readonly StoredPart[]> {
  const stored: StoredPart[] = [];
  for (const wave of waves) {
    source.signal.throwIfAborted();
    stored.push(...(await allOrFirstError(wave.map((part) => storePart(part, source, draft, recipients)))));
  }
  return stored;
}

async function storePart(
  part: DumpPart,
  source: DumpSource,
  draft: Draft,
  recipients: Recipients,
): Promise<StoredPart> {
  const dump = await startPartDump(part, source);
  const sealing = sealStream(dump.compressed, recipients);
  await draft.put(sealedName(part.name), sealing.bytes);
  const { rawBytes, listing, warnings } = dump.result();
  return {
    part,
    file: { name: sealedName(part.name), role: part.role, ...sealing.extents(), rawBytes },
    listing,
    warnings,
  };
}

export async function storeGlobals(
  source: DumpSource,
  draft: Draft,
  recipients: Recipients,
): Promise<Pick<StoredPart, "file" | "warnings">> {
  const dump = await startGlobalsDump(source);
  const sealing = sealStream(dump.compressed, recipients);
  const name = sealedName("globals.sql");
  await draft.put(name, sealing.bytes);
  const { rawBytes, warnings } = dump.result();
  return { file: { name, role: "globals", ...sealing.extents(), rawBytes }, warnings };
}
