/** `tombstones/<source>/<id>.json`: written before a snapshot is removed, so that its absence has an explanation. */
import { z } from "zod";

export const actorSchema = z.looseObject({
  /** A person's or bot's name: GITHUB_ACTOR, or user and host of a terminal. */
  name: z.string(),
  /** Page of the workflow run. */
  run: z.string().exactOptional(),
});

/** Who did something. */
export type Actor = z.infer<typeof actorSchema>;

export const tombstoneSchema = z.looseObject({
  tombstoneVersion: z.literal(1),
  source: z.string(),
  snapshot: z.string(),
  snapshotSha256: z.string(),
  reason: z.looseObject({ code: z.string(), sentence: z.string() }),
  /** Every file of the snapshot: whoever finishes an interrupted removal may not be able to list them any more. */
  files: z.array(z.string()),
  /** Names one pruning: another one that is under way heeds what this one is about to remove. */
  pruning: z.string(),
  by: actorSchema,
  time: z.iso.datetime(),
  sha256: z.string(),
});

export type Tombstone = z.infer<typeof tombstoneSchema>;
export type TombstoneFields = Pick<
  Tombstone,
  "source" | "snapshot" | "snapshotSha256" | "reason" | "files" | "pruning" | "by" | "time"
>;
