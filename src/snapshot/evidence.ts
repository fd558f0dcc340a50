/** `evidence/<source>/<id>/…`: what a check found, in numbers and codes, for anybody to read. */
import { z } from "zod";
import { levels } from "../verification/levels.ts";

const evidenceSchema = z.looseObject({
  evidenceVersion: z.literal(1),
  source: z.string(),
  snapshot: z.string(),
  /** Of the snapshot.json that was checked: evidence does not count for another one under the same id. */
  snapshotSha256: z.string(),
  level: z.enum(levels),
  verdict: z.enum(["passed", "failed", "not-verified"]),
  time: z.iso.datetime(),
  sha256: z.string(),
});

export type EvidenceDocument = z.infer<typeof evidenceSchema>;
export { evidenceSchema };
