/**
 * `evidence/<source>/<id>/<time>-<random>.drill.json`: what one drill showed about one source, for auditors. It is evidence
 * of a verification besides. docs/schemas/drill.schema.json is generated from here; fields are added, never changed.
 */
import { z } from "zod";
import { worstVerdict } from "../verification/findings.ts";
import { evidenceSchema } from "./evidence.ts";
import { actorSchema } from "./tombstone.ts";

export const drillKinds = ["restoration", "disaster"] as const;
export type DrillKind = (typeof drillKinds)[number];

const verdict = z.enum(["passed", "failed", "not-verified"]);
const seconds = z.number().nonnegative();
const described = (description: string) => ({ description });

const component = z.looseObject({
  component: z.string().meta(described("What was compared or examined.")),
  verdict,
  checked: z.int().meta(described("How many things of it.")),
  codes: z
    .array(z.string())
    .meta(described("Codes of what was found; docs/drills.md explains those of drills.")),
  faults: z
    .array(z.enum(["source", "backup", "target"]))
    .meta(described("Whose fault it is: another backup differs only where the backup is at fault."))
    .exactOptional(),
});

const phaseSeconds = z
  .record(z.string(), seconds)
  .meta(described("Seconds by phase: find, download, unseal, prepare, restore, verify."));

export const recoveryTimeSchema = z.looseObject({
  phases: phaseSeconds,
  seconds: seconds.meta(
    described("Of the recovery: all phases; in a disaster from its first step until this source was back."),
  ),
  objectiveSeconds: seconds.exactOptional().meta(described("The policy's `rto`.")),
  isMet: z.boolean().exactOptional(),
  production: z
    .looseObject({
      snapshot: z.string().meta(described("The newest good snapshot: as large as production is now.")),
      rawBytes: z.int(),
      storedBytes: z.int(),
      phases: phaseSeconds,
      seconds,
      isMet: z.boolean().exactOptional(),
      method: z.string(),
    })
    .exactOptional()
    .meta(
      described("The same for as many bytes as production has now; absent where nothing can be concluded."),
    ),
});

const window = z.looseObject({
  windowDays: z.int(),
  coveredDays: z.number(),
  gaps: z.int(),
  medianSeconds: seconds.exactOptional(),
  p95Seconds: seconds.exactOptional(),
  worstSeconds: seconds.exactOptional(),
});

export const recoveryPointSchema = z.looseObject({
  atFailureSeconds: seconds
    .exactOptional()
    .meta(
      described(
        "What everything lost at the drill's moment would have cost: the age of the newest good snapshot.",
      ),
    ),
  objectiveSeconds: seconds.exactOptional().meta(described("The policy's `rpo`.")),
  isMet: z.boolean().exactOptional(),
  windows: z
    .array(window)
    .meta(described("Gaps between snapshots, removed ones included where they are known.")),
});

const finding = z.looseObject({
  level: z.enum(["info", "warning", "error"]),
  code: z.string(),
  sentence: z.string().meta(described("Without names from inside the backup.")),
  remedy: z.string(),
});

export const drillEvidenceSchema = z
  .looseObject({
    ...evidenceSchema.shape,
    act: z.literal("drill"),
    drill: z.looseObject({
      id: z.string().meta(described("Names one drill; all sources of a disaster share it.")),
      kind: z.enum(drillKinds),
      verdict: verdict.meta(described("Of the whole drill: every source, and what must fit between them.")),
      seconds: seconds.meta(described("From its first step to its last.")),
    }),
    kind: z.enum(["database", "storage", "application"]),
    moment: z.iso.datetime().meta(described("Whose data the snapshot holds.")),
    ageSeconds: seconds.meta(described("How old the snapshot was.")),
    wantedAgeSeconds: seconds.exactOptional().meta(described("How old it should have been.")),
    components: z.array(component),
    between: z.array(component).meta(described("Between sources; empty in a restoration drill.")),
    recoveryTime: recoveryTimeSchema,
    recoveryPoint: recoveryPointSchema,
    findings: z.array(finding),
    deviations: z.array(z.string()).meta(described("From the procedure.")),
    tools: z.record(z.string(), z.string()).meta(described("Names and versions of what did the work.")),
    by: actorSchema,
    commit: z.string().exactOptional(),
    started: z.iso.datetime(),
    seconds,
    report: z.string().meta(described("The whole drill for people, in Markdown.")),
    sealedDetails: z
      .string()
      .exactOptional()
      .meta(
        described(
          "Base64 of an age file around zstd around JSON: the same findings with names from inside the backup.",
        ),
      ),
    signature: z.string().exactOptional(),
  })
  .meta({ title: "Lifeboat drill evidence" });

export type DrillEvidence = z.infer<typeof drillEvidenceSchema>;
export type RecoveryTime = z.infer<typeof recoveryTimeSchema>;
export type MeasuredRecoveryPoint = z.infer<typeof recoveryPointSchema>;

/** A past drill of a source, as whoever looks back sees it. */
export interface ObservedDrill {
  readonly id: string;
  readonly kind: DrillKind;
  readonly snapshot: string;
  readonly time: Date;
  /** Of this source, and of what must fit between it and the others. */
  readonly verdict: z.infer<typeof verdict>;
  /** Of the recovery. */
  readonly seconds: number;
  /** False where the recovery took too long, or would at production's size, or would have lost too much. */
  readonly meetsObjectives: boolean;
  /** Signed or in the ledger; any other counts for nothing. */
  readonly isTrusted: boolean;
}

export function observedDrill(evidence: DrillEvidence, isTrusted: boolean): ObservedDrill {
  const { drill, recoveryTime, recoveryPoint, between } = evidence;
  const verdicts = [evidence.verdict, ...between.map((one) => one.verdict)];
  const objectives = [recoveryTime.isMet, recoveryTime.production?.isMet, recoveryPoint.isMet];
  return {
    id: drill.id,
    kind: drill.kind,
    snapshot: evidence.snapshot,
    time: new Date(evidence.time),
    verdict: worstVerdict(verdicts),
    seconds: recoveryTime.seconds,
    meetsObjectives: !objectives.includes(false),
    isTrusted,
  };
}
