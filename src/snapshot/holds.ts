/**
 * `holds/<source>/…`: what people said about the retention of a source (`hold`, `release`, `unfreeze`), and what prune
 * itself wrote down when it froze (`freeze`), so that a freeze outlives the snapshots that caused it.
 */
import { z } from "zod";
import { tolerableSkewMs } from "./observed.ts";
import { actorSchema } from "./tombstone.ts";

const common = {
  holdVersion: z.literal(1),
  source: z.string(),
  because: z.string(),
  by: actorSchema,
  time: z.iso.datetime(),
  sha256: z.string(),
};

export const holdSchema = z.discriminatedUnion("act", [
  z.looseObject({ ...common, act: z.literal("hold"), snapshot: z.string() }),
  z.looseObject({ ...common, act: z.literal("release"), snapshot: z.string() }),
  z.looseObject({ ...common, act: z.literal("freeze") }),
  z.looseObject({
    ...common,
    act: z.literal("unfreeze"),
    /** What history could not explain when the person looked (src/retention/history.ts): it is no finding any more. */
    accepted: z.array(z.string()),
  }),
]);

export type HoldDocument = z.infer<typeof holdSchema>;

export interface ReadHold {
  readonly document: HoldDocument;
  /** Signed by who may sign, or in the ledger, or nobody is configured who must. */
  readonly isTrusted: boolean;
}

export interface Standings {
  readonly held: ReadonlySet<string>;
  /** Of the newest freeze that nobody lifted since. */
  readonly freeze?: string;
  /** When a person last said that the numbers are as they should be. */
  readonly acceptedAt?: Date;
  readonly accepted: ReadonlySet<string>;
}

/**
 * What holds now. Words that protect (`hold`, `freeze`) count from anybody; words that lift a protection count only
 * where they are trusted. What claims a moment that has not come counts for nothing, but for a hold.
 */
export function standingsOf(holds: readonly ReadHold[], now: Date): Standings {
  const counting = holds
    .filter(({ document, isTrusted }) => {
      if (document.act === "hold") return true;
      const hasCome = Date.parse(document.time) <= now.getTime() + tolerableSkewMs;
      return hasCome && (isTrusted || document.act === "freeze");
    })
    .map(({ document }) => document)
    // At one moment what protects comes last, and so counts.
    .sort((one, other) => Date.parse(one.time) - Date.parse(other.time) || rank(one) - rank(other));
  const held = new Set<string>();
  const accepted = new Set<string>();
  let freeze: string | undefined;
  let acceptedAt: Date | undefined;
  for (const document of counting) {
    switch (document.act) {
      case "hold":
        held.add(document.snapshot);
        break;
      case "release":
        held.delete(document.snapshot);
        break;
      case "freeze":
        freeze = document.because;
        break;
      case "unfreeze":
        freeze = undefined;
        acceptedAt = new Date(document.time);
        for (const id of document.accepted) accepted.add(id);
    }
  }
  return {
    held,
    accepted,
    ...(freeze === undefined ? {} : { freeze }),
    ...(acceptedAt === undefined ? {} : { acceptedAt }),
  };
}

function rank({ act }: HoldDocument): number {
  return act === "release" || act === "unfreeze" ? 0 : 1;
}
