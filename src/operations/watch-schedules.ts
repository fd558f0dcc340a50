/** Whether the workflows that must run by schedule still do; what GitHub put to sleep is woken where the token may. */
import { z } from "zod";
import type { AskGitHub } from "../alerts/github-requests.ts";
import { asLifeboatError } from "../errors.ts";
import type { WorkflowState } from "../monitoring/judge-workflow.ts";
import type { Finding } from "../verification/findings.ts";

export interface ScheduleRequest {
  readonly repository: { readonly owner: string; readonly name: string };
  /** File names below .github/workflows; those that do not exist are no problem. */
  readonly files: readonly string[];
  readonly ask: AskGitHub;
  /** Whether it may change anything. */
  readonly mayEnable: boolean;
}

export interface ScheduleReport {
  /** Absent where GitHub did not say. */
  readonly workflows?: readonly WorkflowState[];
  readonly notes: readonly Finding[];
}

const perPage = 100;
const listSchema = z.object({
  workflows: z.array(z.object({ id: z.int(), path: z.string(), state: z.string() })),
});

export async function watchSchedules(request: ScheduleRequest): Promise<ScheduleReport> {
  const { repository, files, ask, mayEnable } = request;
  const place = { owner: repository.owner, repo: repository.name };
  const base = "/repos/{owner}/{repo}/actions/workflows";
  const workflows: WorkflowState[] = [];
  const notes: Finding[] = [];
  try {
    for (let page = 1; ; page += 1) {
      const query = { ...place, per_page: perPage, page };
      const listed = listSchema.parse(await ask(`GET ${base}`, query, "actions: read")).workflows;
      for (const { id, path, state } of listed) {
        const file = path.slice(path.lastIndexOf("/") + 1);
        if (!files.includes(file) || state === "deleted") continue;
        const byGitHub = state === "disabled_inactivity";
        const wasEnabled = byGitHub && mayEnable && (await enabled(id, request, notes));
        workflows.push({ file, isActive: state === "active" || wasEnabled, byGitHub, wasEnabled });
      }
      if (listed.length < perPage) return { workflows, notes };
    }
  } catch (thrown) {
    return { notes: [...notes, note("GitHub did not say whether the schedules are alive", thrown)] };
  }
}

async function enabled(id: number, { repository, ask }: ScheduleRequest, notes: Finding[]): Promise<boolean> {
  const place = { owner: repository.owner, repo: repository.name, workflow_id: id };
  try {
    await ask("PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/enable", place, "actions: write");
    return true;
  } catch (thrown) {
    notes.push(note("A disabled workflow could not be enabled", thrown));
    return false;
  }
}

function note(what: string, thrown: unknown): Finding {
  const { publicly } = asLifeboatError(thrown);
  const sentence = `${what}: ${thrown instanceof z.ZodError ? "its answer is not understood." : publicly.sentence}`;
  const remedy = "Give the job `actions: write`, or look at the repository's page Actions yourself.";
  return { level: "warning", code: "schedule-unknown", sentence, publicSentence: sentence, remedy };
}
