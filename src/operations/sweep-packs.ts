/**
 * Packs that no snapshot uses any more: marked at the first look, deleted at a later one. A backup that began before the
 * mark may still commit a snapshot that uses the pack; it looks for marks right before its commit, and the second look
 * comes so late that any such commit has happened.
 */
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { momentOfId } from "../snapshot/ids.ts";
import { documentFindings, type DocumentFault } from "../retention/document-findings.ts";
import { type DocumentReading, examineDocument } from "../snapshot/document-reading.ts";
import { packKey, packMarkKey } from "../snapshot/keys.ts";
import { writeSignedDocument } from "../snapshot/signed-document.ts";
import { readSnapshotJson } from "../snapshot/snapshot-json.ts";
import { proofOfBytes } from "../store/proof.ts";
import type { ListedFile, Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Finding } from "../verification/findings.ts";
import { deleteRewraps } from "./rewraps.ts";
import { surveyPacks } from "./shared-packs.ts";
import { readFiles } from "./vouched-documents.ts";

/** Between the mark and the deletion, and between a pack's making and its mark: longer than any backup runs. */
export const packPatienceMs = 48 * 3600 * 1000;

/** Where files expire by themselves: a mark that went before the second look is made again. */
const markDays = 14;

const markSchema = z.looseObject({
  formatVersion: z.literal(1),
  pack: z.string(),
  markedAt: z.iso.datetime(),
});

/** As marks were written before they had a hash: in one line, byte for byte. */
const olderMark = /^\{"formatVersion":1,"pack":"[\w-]+","markedAt":"[\w:.-]+"\}\n$/;

export interface PackSweep {
  readonly marked: readonly string[];
  readonly unmarked: readonly string[];
  readonly deleted: readonly string[];
}

/**
 * One look. A mark that cannot be read keeps its pack, and is named; the others are not held up by it. Does nothing at all unless every snapshot of the source could be read: a damaged snapshot.json may be the
 * only one that needs a pack.
 */
export async function sweepPacks(
  store: Store,
  source: string,
  clock: Clock,
  dryRun = false,
): Promise<PackSweep & { readonly findings: readonly Finding[] }> {
  // Packs before snapshots: what is committed in between is then seen as used.
  const { packs, marked } = await surveyPacks(store, source);
  const used = await usedPacks(store, source);
  const now = clock.now().getTime();
  const sweep = { marked: [] as string[], unmarked: [] as string[], deleted: [] as string[] };
  const faults: DocumentFault[] = [];
  for (const [id, mark] of marked) {
    const looked = await lookAtMark(store, mark, id);
    if (typeof looked !== "number") faults.push(looked);
    if (dryRun) continue;
    if (used.has(id)) {
      await store.delete(mark.key);
      sweep.unmarked.push(id);
    } else if (typeof looked === "number" && now - looked >= packPatienceMs) {
      if (packs.has(id)) await store.delete(packKey(source, id));
      await deleteRewraps(store, source, id);
      await store.delete(mark.key);
      sweep.deleted.push(id);
    }
  }
  const findings = documentFindings(faults, source, new Set());
  if (dryRun) return { ...sweep, findings };
  for (const [id, pack] of packs) {
    const made = Math.max(pack.storedAt.getTime(), momentOfId(id)?.getTime() ?? 0);
    if (used.has(id) || marked.has(id) || now - made < packPatienceMs) continue;
    const mark = { formatVersion: 1, pack: id, markedAt: clock.now().toISOString() };
    await store.put(packMarkKey(source, id), writeSignedDocument(mark), { retentionDays: markDays });
    sweep.marked.push(id);
  }
  return { ...sweep, findings };
}

async function usedPacks(store: Store, source: string): Promise<ReadonlySet<string>> {
  const { snapshots, findings } = await store.snapshots(source);
  const unreadable = findings.find(({ code }) => code === "snapshot-json-missing");
  if (unreadable !== undefined) {
    throw new LifeboatError(
      "snapshot-damaged",
      `${unreadable.sentence} Until it is repaired or deleted no pack is removed.`,
    );
  }
  return new Set(
    snapshots.flatMap(({ id, snapshotJson }) =>
      readSnapshotJson(snapshotJson, { source, id }).packs.map((pack) => pack.id),
    ),
  );
}

/**
 * When a pack was marked: the later of what the mark and the store say, so that no changed date shortens the patience;
 * or what is wrong with the mark.
 */
async function lookAtMark(
  store: Store,
  { key, storedAt }: ListedFile,
  pack: string,
): Promise<number | DocumentFault> {
  const [{ bytes } = { bytes: Buffer.alloc(0) }] = await readFiles(store, [key]);
  const about = { kind: "pack mark", key, sha256: proofOfBytes(bytes).sha256, snapshots: [] } as const;
  const { document, fault } = examineMark(bytes);
  if (fault !== undefined) return { ...about, state: fault };
  if (document.pack !== pack) return { ...about, state: "misplaced" };
  return Math.max(Date.parse(document.markedAt), storedAt.getTime());
}

function examineMark(bytes: Uint8Array): DocumentReading<z.infer<typeof markSchema>> {
  const text = Buffer.from(bytes).toString("utf8");
  if (!olderMark.test(text)) return examineDocument(bytes, markSchema, "formatVersion");
  const { data } = markSchema.safeParse(JSON.parse(text));
  return data === undefined ? { fault: "damaged" } : { document: data };
}
