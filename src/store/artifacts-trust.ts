/**
 * Whose artifact it is. Anybody who may open a pull request can upload one with any name: ours come from a run of this
 * repository, on the default or an allowed branch, that no pull request started.
 */
import type { ArtifactsRest, ListedArtifact } from "./artifacts-rest.ts";

export interface ArtifactTrust {
  /** What the listing itself gives away; a sentence's end where the artifact is foreign. */
  placeOf(artifact: ListedArtifact): Promise<Judgement>;
  /** The same, and the event of the artifact's run: one request for each run, once. */
  originOf(artifact: ListedArtifact): Promise<Judgement>;
}

export type Judgement = { readonly ours: true } | { readonly ours: false; readonly because: string };

export interface TrustSettings {
  /** Asked of GitHub where absent. */
  readonly defaultBranch?: string;
  readonly allowedBranches?: readonly string[];
}

const ours: Judgement = { ours: true };

export function artifactTrust(rest: ArtifactsRest, settings: TrustSettings): ArtifactTrust {
  const events = new Map<number, string | undefined>();
  let branches: ReadonlySet<string> | undefined;

  async function trustedBranches(): Promise<ReadonlySet<string>> {
    branches ??= new Set([
      settings.defaultBranch ?? (await rest.defaultBranch()),
      ...(settings.allowedBranches ?? []),
    ]);
    return branches;
  }

  async function eventOf(runId: number): Promise<string | undefined> {
    if (!events.has(runId)) events.set(runId, await rest.eventOfRun(runId));
    return events.get(runId);
  }

  async function placeOf({ run }: ListedArtifact): Promise<Judgement> {
    if (run?.repositoryId === undefined) return foreign("belongs to no run that GitHub names");
    if (run.headRepositoryId !== run.repositoryId) return foreign("came from a fork");
    if (run.headBranch === undefined || !(await trustedBranches()).has(run.headBranch)) {
      return foreign("was not on the default branch or one that the policy allows");
    }
    return ours;
  }

  return {
    placeOf,
    originOf: async (artifact) => {
      const place = await placeOf(artifact);
      if (!place.ours || artifact.run === undefined) return place;
      const event = await eventOf(artifact.run.id);
      if (event === undefined) return foreign("cannot be looked up any more");
      if (event.startsWith("pull_request")) return foreign("was started by a pull request");
      return ours;
    },
  };
}

function foreign(because: string): Judgement {
  return { ours: false, because };
}
