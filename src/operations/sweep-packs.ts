/**
 * Packs that no snapshot uses any more: marked at the first look, deleted at a later one. A backup that began before the
 * mark may still commit a snapshot that uses the pack; it looks for marks right before its commit, and the second look
 * comes so late that any such commit has happened.
 */
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { momentOfId } from "../snapshot/ids.ts";
import { packKey, packMarkKey } from "../snapshot/keys.ts";
import { readSnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import { deleteRewraps } from "./rewraps.ts";
import { wholeOf } from "./sealed-files.ts";
import { surveyPacks } from "./shared-packs.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";

/** Between the mark and the deletion, and between a pack's making and its mark: longer than any backup runs. */
export const packPatienceMs = 48 * 3600 * 1000;

/** Where files expire by themselves: a mark that went before the second look is made again. */
const markDays = 14;

const markSchema = z.looseObject({
  formatVersion: z.literal(1),
  pack: z.string(),
  markedAt: z.iso.datetime(),
});

export interface PackSweep {
  readonly marked: readonly string[];
  readonly unmarked: readonly string[];
  readonly deleted: readonly string[];
}

/**
 * One look. Does nothing at all unless every snapshot of the source could be read: a damaged snapshot.json may be the
 * only one that needs a pack.
 */
export async function sweepPacks(store: Store, source: string, clock: Clock): Promise<PackSweep> {
  // Packs before snapshots: what is committed in between is then seen as used.
  const { packs, marked } = await surveyPacks(store, source);
  const used = await usedPacks(store, source);
  const now = clock.now().getTime();
  const sweep = { marked: [] as string[], unmarked: [] as string[], deleted: [] as string[] };
  for (const [id, mark] of marked) {
    if (used.has(id)) {
      await store.delete(mark.key);
      sweep.unmarked.push(id);
    } else if (now - (await markedAt(store, mark.key)) >= packPatienceMs) {
      if (packs.has(id)) await store.delete(packKey(source, id));
      await deleteRewraps(store, source, id);
      await store.delete(mark.key);
      sweep.deleted.push(id);
    }
  }
  for (const [id, pack] of packs) {
    const made = Math.max(pack.storedAt.getTime(), momentOfId(id)?.getTime() ?? 0);
    if (used.has(id) || marked.has(id) || now - made < packPatienceMs) continue;
    const mark = { formatVersion: 1, pack: id, markedAt: clock.now().toISOString() };
    await store.put(packMarkKey(source, id), Buffer.from(`${JSON.stringify(mark)}\n`), {
      retentionDays: markDays,
    });
    sweep.marked.push(id);
  }
  return sweep;
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

async function markedAt(store: Store, key: string): Promise<number> {
  const mark = markSchema.safeParse(
    JSON.parse(
      (await wholeOf(await store.read(key), { document: key, maxBytes: sizeLimits.document })).toString(
        "utf8",
      ),
    ),
  );
  if (!mark.success) throw new LifeboatError("snapshot-damaged", `The mark ${key} cannot be read.`);
  return Date.parse(mark.data.markedAt);
}
