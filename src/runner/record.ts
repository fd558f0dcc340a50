/**
 * The `record` output: one JSON line that every action leaves, however it ended.
 * docs/schemas/record.schema.json is generated from here; fields are added, never changed or removed.
 */
import { z } from "zod";
import { outcomes } from "../outcome.ts";

/** What the action itself knows: what it acted upon, in names of sources and ids of snapshots, and how much. */
const actionRecordSchema = z.object({
  source: z.string().optional().meta({ description: "The source's name in the policy." }),
  kind: z.enum(["database", "storage", "application"]).optional(),
  snapshot: z
    .string()
    .optional()
    .meta({ description: "Id of the snapshot that was made, checked or restored." }),
  store: z.string().optional().meta({ description: "Address of the store." }),
  verdict: z.enum(["passed", "failed", "not-verified"]).optional(),
  copies: z
    .array(
      z.object({
        store: z.string().meta({ description: "Address of a further store." }),
        copied: z.int().meta({ description: "Snapshots that were copied by this run." }),
        already: z.int().meta({ description: "Snapshots that were there before." }),
        missing: z.int().meta({ description: "Snapshots that should be there and are not." }),
        error: z.object({ code: z.string() }).optional(),
      }),
    )
    .optional()
    .meta({ description: "What further stores got; absent where there are none." }),
  findings: z
    .array(z.object({ code: z.string(), level: z.enum(["error", "warning"]) }))
    .optional()
    .meta({ description: "What a backup found, each code once; its sentences are in the summary." }),
  numbers: z.record(z.string(), z.number()).optional().meta({
    description: "Counts, bytes and seconds, each with its unit in its name. Never names from inside.",
  }),
});

export const recordSchema = z
  .object({
    recordVersion: z.literal(1),
    action: z.string().meta({ description: "Name of the action: its folder's name." }),
    outcome: z.enum(outcomes).meta({
      description:
        "success: done and proven done. damaged: a check found the backup bad. not-verified: it could not be checked. unknown: it was stopped or cut off at a step whose end nobody could find out.",
    }),
    exitCode: z.int().min(0).max(4),
    error: z.object({ code: z.string().meta({ description: "docs/errors.md explains each." }) }).optional(),
    interrupted: z.object({ code: z.string() }).optional().meta({
      description: "Somebody asked the run to stop, too late: it was done all the same.",
    }),
    started: z.iso.datetime(),
    finished: z.iso.datetime(),
    ...actionRecordSchema.shape,
    versions: z.object({ lifeboat: z.string(), node: z.string() }),
    run: z
      .object({
        repository: z.string().optional(),
        id: z.string().optional(),
        attempt: z.int().min(1),
        job: z.string().optional(),
        event: z.string().optional(),
        actor: z.string().optional(),
        sha: z.string().optional(),
      })
      .meta({ description: "The workflow run that this happened in." }),
  })
  .meta({ title: "Lifeboat action record" });

export type ActionRecord = z.infer<typeof actionRecordSchema>;
export type RunRecord = z.infer<typeof recordSchema>;

/** Each code once; what is only information stays in the summary. */
export function recordedFindings(
  findings: readonly { readonly code: string; readonly level: string }[],
): ActionRecord["findings"] {
  const levels = new Map<string, "error" | "warning">();
  for (const { code, level } of findings) {
    if (level === "error") levels.set(code, "error");
    else if (level === "warning" && !levels.has(code)) levels.set(code, "warning");
  }
  return [...levels].map(([code, level]) => ({ code, level }));
}

/** The record as its one line; a record that breaks its own schema is a defect and throws. */
export function recordLine(record: RunRecord): string {
  return JSON.stringify(recordSchema.parse(record));
}
