/** Other runs of the same workflow that are still under way: they may be making what is due. */
import { getOctokit } from "@actions/github";
import { z } from "zod";
import type { Logger } from "../system/logger.ts";
import type { RunContext } from "./environment.ts";

const runSchema = z.object({ id: z.int(), workflow_id: z.int() });
const listSchema = z.object({
  workflow_runs: z.array(
    z.object({
      id: z.int(),
      run_started_at: z.iso.datetime({ offset: true }).nullish(),
      created_at: z.string(),
    }),
  ),
});

/**
 * When those began that are older than this one. Only older ones count: of two runs that look at each other, exactly one
 * goes on. Without a token, or where GitHub does not say, there are none to know of; duplicates are then possible and
 * harmless.
 */
export async function otherRuns(
  { repository, runId, apiUrl }: Pick<RunContext, "repository" | "runId" | "apiUrl">,
  token: string | undefined,
  logger: Logger,
): Promise<readonly Date[]> {
  const [owner, repo] = (repository ?? "").split("/");
  if (owner === undefined || repo === undefined || runId === undefined || token === undefined) return [];
  const own = Number(runId);
  try {
    const octokit = getOctokit(token, { baseUrl: apiUrl });
    const place = { owner, repo, request: { signal: AbortSignal.timeout(30_000) } };
    const run = await octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", {
      ...place,
      run_id: own,
    });
    const { workflow_id } = runSchema.parse(run.data);
    const started: Date[] = [];
    for (const status of ["in_progress", "queued"] as const) {
      const list = await octokit.request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", {
        ...place,
        workflow_id,
        status,
        per_page: 100,
      });
      for (const one of listSchema.parse(list.data).workflow_runs) {
        if (one.id < own) started.push(new Date(one.run_started_at ?? one.created_at));
      }
    }
    return started;
  } catch (thrown) {
    logger.warning(
      `GitHub did not say which other runs are under way: ${thrown instanceof Error ? thrown.message : ""}`,
    );
    return [];
  }
}
