/** What the fake GitHub knows: one repository, its runs, their artifacts. Tests may read and change all of it. */
import { createHash, randomUUID } from "node:crypto";

export interface RunOptions {
  readonly event?: string;
  readonly headBranch?: string;
  /** Another repository's id makes the run a fork's. */
  readonly headRepositoryId?: number;
  readonly attempt?: number;
  /** The workflow's file and who started the run. Default: backup.yml, octocat. */
  readonly path?: string;
  readonly actor?: string;
  /** Who started each attempt. Default: the actor all of them. */
  readonly startedBy?: readonly string[];
}

export interface FakeRun {
  readonly id: number;
  readonly attempt: number;
  readonly event: string;
  readonly headBranch: string;
  readonly headRepositoryId: number;
  readonly path: string;
  readonly actor: string;
  readonly startedBy: readonly string[];
  /** What the runtime token carries: all attempts and jobs of a run share the first. */
  readonly backendId: string;
  readonly jobBackendId: string;
}

export interface FakeArtifact {
  readonly id: number;
  readonly name: string;
  readonly runId: number;
  readonly createdAt: Date;
  expiresAt: Date;
  /** As the client said; the bytes may be others. */
  size: number;
  digest: string | undefined;
  mimeType: string;
  bytes: Buffer;
  finalized: boolean;
  /** REST answers 404 so often before the artifact appears there. */
  hiddenFor: number;
  /** Listings leave it out so often. */
  unlistedFor: number;
}

const dayMs = 24 * 3600 * 1000;

export class GitHubState {
  readonly owner: string;
  readonly repo: string;
  readonly repositoryId = 4711;
  defaultBranch = "main";
  isPrivate = false;
  /** The repository's setting: longer wishes are cut to it by the server. */
  retentionDays = 90;
  readonly runs = new Map<number, FakeRun>();
  readonly artifacts = new Map<number, FakeArtifact>();
  now: () => Date;
  #nextRun = 9001;
  #nextArtifact = 501;

  constructor(repository: string, now: () => Date) {
    const [owner = "", repo = ""] = repository.split("/");
    this.owner = owner;
    this.repo = repo;
    this.now = now;
  }

  addRun(options: RunOptions = {}): FakeRun {
    const id = this.#nextRun++;
    const run: FakeRun = {
      id,
      attempt: options.attempt ?? options.startedBy?.length ?? 1,
      event: options.event ?? "schedule",
      headBranch: options.headBranch ?? this.defaultBranch,
      headRepositoryId: options.headRepositoryId ?? this.repositoryId,
      path: options.path ?? ".github/workflows/backup.yml",
      actor: options.actor ?? "octocat",
      startedBy: options.startedBy ?? [],
      backendId: randomUUID(),
      jobBackendId: randomUUID(),
    };
    this.runs.set(id, run);
    return run;
  }

  /** Another attempt of the same run: a new job, the same artifacts. */
  addAttempt(run: FakeRun): FakeRun {
    const again = { ...run, attempt: run.attempt + 1, jobBackendId: randomUUID() };
    this.runs.set(run.id, again);
    return again;
  }

  runOfBackend(backendId: string): FakeRun | undefined {
    return [...this.runs.values()].find((run) => run.backendId === backendId);
  }

  newArtifact(
    run: FakeRun,
    name: string,
    wished: { expiresAt?: Date; mimeType?: string } = {},
  ): FakeArtifact {
    const createdAt = this.now();
    const latest = new Date(createdAt.getTime() + this.retentionDays * dayMs);
    const artifact: FakeArtifact = {
      id: this.#nextArtifact++,
      name,
      runId: run.id,
      createdAt,
      expiresAt: wished.expiresAt !== undefined && wished.expiresAt < latest ? wished.expiresAt : latest,
      size: 0,
      digest: undefined,
      mimeType: wished.mimeType ?? "application/zip",
      bytes: Buffer.alloc(0),
      finalized: false,
      hiddenFor: 0,
      unlistedFor: 0,
    };
    this.artifacts.set(artifact.id, artifact);
    return artifact;
  }

  /** A finished artifact without the protocol: other people's, or many at once. */
  addArtifact(run: FakeRun, name: string, bytes: Uint8Array): FakeArtifact {
    const artifact = this.newArtifact(run, name, { mimeType: "application/octet-stream" });
    artifact.bytes = Buffer.from(bytes);
    artifact.size = bytes.length;
    artifact.digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    artifact.finalized = true;
    return artifact;
  }

  isExpired(artifact: FakeArtifact): boolean {
    return artifact.expiresAt <= this.now();
  }

  /** Newest first, as GitHub lists them. */
  finished(filter: { runId?: number; name?: string } = {}): readonly FakeArtifact[] {
    return [...this.artifacts.values()]
      .filter((artifact) => artifact.finalized && artifact.hiddenFor === 0)
      .filter((artifact) => filter.runId === undefined || artifact.runId === filter.runId)
      .filter((artifact) => filter.name === undefined || artifact.name === filter.name)
      .sort((one, other) => other.id - one.id);
  }
}
