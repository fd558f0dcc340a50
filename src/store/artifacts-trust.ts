/**
 * Whose artifact it is. Anybody who may open a pull request can upload one with any name: ours come from a run of this
 * repository, on the default or an allowed branch, that no pull request started.
 */
import type { ArtifactRun, ArtifactsRest, ListedArtifact, StartedRun } from "./artifacts-rest.ts";

export interface ArtifactTrust {
  /** What the listing itself gives away; a sentence's end where the artifact is foreign. */
  placeOf(artifact: ListedArtifact): Promise<Judgement>;
  /** The same, and the event of the artifact's run: one request for each run, once. */
  originOf(artifact: ListedArtifact): Promise<Judgement>;
  /** Whether what this run uploads will be ours. */
  judgeRun(runId: number): Promise<Judgement>;
}

export type Judgement = { readonly ours: true } | { readonly ours: false; readonly because: string };

export interface TrustSettings {
  /** Asked of GitHub where absent. */
  readonly defaultBranch?: string;
  readonly allowedBranches?: readonly string[];
}

const ours: Judgement = { ours: true };

export function artifactTrust(rest: ArtifactsRest, settings: TrustSettings): ArtifactTrust {
  const runs = new Map<number, StartedRun | undefined>();
  let branches: ReadonlySet<string> | undefined;

  async function trustedBranches(): Promise<ReadonlySet<string>> {
    branches ??= new Set([
      settings.defaultBranch ?? (await rest.defaultBranch()),
      ...(settings.allowedBranches ?? []),
    ]);
    return branches;
  }

  async function runOf(runId: number): Promise<StartedRun | undefined> {
    if (!runs.has(runId)) runs.set(runId, await rest.run(runId));
    return runs.get(runId);
  }

  async function judgePlace(run: ArtifactRun): Promise<Judgement> {
    if (run.repositoryId === undefined || run.headRepositoryId !== run.repositoryId) {
      return foreign("came from a fork");
    }
    if (run.headBranch === undefined || !(await trustedBranches()).has(run.headBranch)) {
      return foreign("was not on the default branch or one that the policy allows");
    }
    return ours;
  }

  async function judgeRun(runId: number): Promise<Judgement> {
    const run = await runOf(runId);
    if (run === undefined) return foreign("cannot be looked up any more");
    if (run.event.startsWith("pull_request")) return foreign("was started by a pull request");
    return await judgePlace(run);
  }

  async function placeOf({ run }: ListedArtifact): Promise<Judgement> {
    return run === undefined ? foreign("belongs to no run that GitHub names") : await judgePlace(run);
  }

  return {
    placeOf,
    judgeRun,
    originOf: async (artifact) => {
      const place = await placeOf(artifact);
      return place.ours && artifact.run !== undefined ? await judgeRun(artifact.run.id) : place;
    },
  };
}

function foreign(because: string): Judgement {
  return { ours: false, because };
}
