/** `toJSON(needs)`: what GitHub says of the jobs, and the records that their actions left. */
import { z } from "zod";
import { LifeboatError } from "../../errors.ts";
import type { JobRecord, JobReport } from "../../monitoring/judge-workflow.ts";
import { recordSchema } from "../../runner/record.ts";

const needsSchema = z.record(
  // A job's key by GitHub's own rule; it stands in issues.
  z.string().regex(/^[A-Za-z_][\w-]{0,99}$/),
  z.object({
    result: z.enum(["success", "failure", "cancelled", "skipped"]),
    outputs: z.record(z.string(), z.unknown()).default({}),
  }),
);
const codeShape = /^[a-z0-9-]{1,60}$/;

export function parseNeeds(text: string): readonly JobReport[] {
  const result = needsSchema.safeParse(jsonOf(text));
  if (!result.success) throw notNeeds();
  return Object.entries(result.data).map(([job, { result: ended, outputs }]) => ({
    job,
    result: ended,
    records: Object.entries(outputs).flatMap(([name, value]) =>
      // One for each action of the job: `record`, `record-verify`, …
      /^record(?:[-_].+)?$/.test(name) ? recordOf(value) : [],
    ),
  }));
}

/** Only its codes: everything else in a record is not needed, and need not be public. */
function recordOf(value: unknown): readonly JobRecord[] {
  const record = recordSchema.safeParse(typeof value === "string" ? jsonOf(value) : undefined);
  if (!record.success) return [];
  const { action, outcome, error } = record.data;
  if (!codeShape.test(action)) return [];
  return [
    { action, outcome, ...(error !== undefined && codeShape.test(error.code) && { code: error.code }) },
  ];
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function notNeeds(): LifeboatError {
  return new LifeboatError("input-invalid", "not the `needs` of a job as JSON.", {
    hint: "Write `needs: ${{ toJSON(needs) }}`.",
  });
}
