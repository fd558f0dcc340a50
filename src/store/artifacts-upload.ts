/**
 * Uploads of sealed files as raw artifacts. GitHub's client takes only files, so each is spooled, sealed as it is, into
 * a private folder and removed whatever happens; what was uploaded is downloaded again before it counts.
 */
import { DefaultArtifactClient } from "@actions/artifact";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import type { Logger } from "../system/logger.ts";
import type { ArtifactDownloads } from "./artifacts-download.ts";
import type { ArtifactsRest, ListedArtifact } from "./artifacts-rest.ts";
import { asUploadFailure, isConflict } from "./artifacts-upload-errors.ts";
import { wordsOf, writeNewFile, writing } from "./local-files.ts";
import { type Proof, proofOf, sameBytes } from "./proof.ts";
import type { Lifetime } from "./store.ts";
import type { Sleep } from "./with-retries.ts";

export interface UploadedArtifact {
  readonly artifact: ListedArtifact;
  /** Of the bytes read back. */
  readonly proof: Proof;
  /** Whatever else the repository lists under this name: other runs', forks' among them, expired ones too. */
  readonly namesakes: readonly ListedArtifact[];
}

/** Another file of this run has the name, or an upload that was interrupted and now blocks it. */
export type NameConflict = "taken" | "unfinished";

export function nameRefused(key: string, conflict: NameConflict): LifeboatError {
  if (conflict === "taken") {
    return new LifeboatError("store-key-exists", `${key} is already in the store with other bytes.`);
  }
  const sentence = `An interrupted upload of ${key} blocks its name in this run.`;
  return new LifeboatError("store-write-failed", sentence, { hint: "Run again: a new backup has a new id." });
}

export interface ArtifactUploads {
  /**
   * Stores and proves one artifact of the current run, which the repository's listing shows then. The same bytes under the same name are taken for this upload.
   * An error of `bytes` passes through unchanged.
   */
  store(
    name: string,
    bytes: AsyncIterable<Uint8Array>,
    lifetime?: Lifetime,
  ): Promise<UploadedArtifact | NameConflict>;
  /** How many more GitHub takes of this job, as far as this process knows. */
  filesLeft(): number;
  /** Removes an artifact of the current run; throws where it could not. */
  remove(name: string): Promise<void>;
}

export interface UploadSettings {
  readonly rest: ArtifactsRest;
  readonly downloads: ArtifactDownloads;
  readonly runId: number;
  /** RUNNER_TEMP: on the disk with the space. */
  readonly temporaryFolder: string;
  readonly logger: Logger;
  readonly sleep: Sleep;
  /** The client's promise may never settle after a dropped connection; then this ends the wait. */
  readonly uploadLimitMs?: (bytes: number) => number;
  /** Of one job. Default: GitHub's 500. */
  readonly mostArtifacts?: number;
}

type Shown = Omit<UploadedArtifact, "proof">;

const githubsMost = 500;
const uploadTries = 3;
const visibilityTries = 6;
const dayMs = 24 * 3600 * 1000;

export function artifactUploads(settings: UploadSettings): ArtifactUploads {
  const { rest, downloads, runId, logger, sleep, mostArtifacts = githubsMost } = settings;
  const client = new DefaultArtifactClient();
  const limitOf = settings.uploadLimitMs ?? ((bytes: number) => 15 * 60_000 + bytes / 256);
  let retentionWarned = false;
  let taken = 0;

  async function store(
    name: string,
    bytes: AsyncIterable<Uint8Array>,
    lifetime?: Lifetime,
  ): Promise<UploadedArtifact | NameConflict> {
    if (taken >= mostArtifacts) {
      throw new LifeboatError("artifact-limit", `${name} would be artifact ${taken + 1} of this job.`);
    }
    taken += 1;
    const folder = await writing(mkdtemp(join(settings.temporaryFolder, "lifeboat-spool-")));
    try {
      const spool = join(folder, name);
      const proof = await writeNewFile(spool, bytes, { durable: false });
      const uploaded = await upload(spool, name, proof, lifetime);
      if (typeof uploaded === "string") return uploaded;
      warnOfShortRetention(uploaded.artifact, lifetime);
      return { ...uploaded, proof };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function upload(
    spool: string,
    name: string,
    proof: Proof,
    lifetime: Lifetime | undefined,
  ): Promise<Shown | NameConflict> {
    const options = { skipArchive: true, ...(lifetime && { retentionDays: lifetime.retentionDays }) };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const sent = client.uploadArtifact(name, [spool], join(spool, ".."), options);
        const { id } = await withinLimit(sent, limitOf(proof.length));
        if (id === undefined) throw new Error("the client gave no artifact id");
        return await proved(id, name, proof);
      } catch (thrown) {
        const failure = asUploadFailure(thrown);
        const conflict = isConflict(thrown);
        if (!conflict && failure.code !== "store-temporary") throw failure;
        // The answer to an upload that succeeded may have been lost: then what it stored is there.
        const own = await findOwn(name, proof);
        if (typeof own !== "string") return await shown(own.id, name);
        if (conflict) return own;
        if (attempt === uploadTries) throw failure;
        await sleep(2000 * 2 ** attempt);
      }
    }
  }

  async function proved(id: number, name: string, proof: Proof): Promise<Shown> {
    try {
      const uploaded = await shown(id, name);
      const stored = await proofOf(await downloads.read({ id, length: proof.length }));
      if (sameBytes(stored, proof)) return uploaded;
      throw unproven(name, "GitHub gives back other bytes than were sent");
    } catch (thrown) {
      await remove(name).catch((cause: unknown) =>
        logger.debug(`${name} could not be removed: ${wordsOf(cause)}`),
      );
      const code = thrown instanceof LifeboatError ? thrown.code : undefined;
      const unreadable = code === "store-read-failed" || code === "store-object-missing";
      throw unreadable ? unproven(name, wordsOf(thrown), thrown) : thrown;
    }
  }

  /** Artifacts appear in listings a little after the upload; only then can other jobs find them. */
  async function shown(id: number, name: string): Promise<Shown> {
    for (let attempt = 1; attempt <= visibilityTries; attempt += 1) {
      const listed = await rest.list({ name });
      const artifact = listed.find((one) => one.id === id);
      if (artifact !== undefined) return { artifact, namesakes: listed.filter((one) => one !== artifact) };
      await sleep(500 * 2 ** attempt);
    }
    throw unproven(name, "GitHub does not list it");
  }

  async function findOwn(name: string, proof: Proof): Promise<ListedArtifact | NameConflict> {
    const listed = await rest.list({ runId, name });
    for (const artifact of listed) {
      if (artifact.expired || artifact.length !== proof.length) continue;
      if (sameBytes(await proofOf(await downloads.read(artifact)), proof)) return artifact;
    }
    return listed.length > 0 ? "taken" : "unfinished";
  }

  async function remove(name: string): Promise<void> {
    await client.deleteArtifact(name);
  }

  function warnOfShortRetention(
    { createdAt, expiresAt }: ListedArtifact,
    lifetime: Lifetime | undefined,
  ): void {
    if (lifetime === undefined || expiresAt === undefined || retentionWarned) return;
    const days = (expiresAt.getTime() - createdAt.getTime()) / dayMs;
    if (days > lifetime.retentionDays - 0.5) return;
    retentionWarned = true;
    logger.warning(
      `GitHub keeps this backup ${Math.round(days)} days instead of ${lifetime.retentionDays}: raise the repository's ` +
        "artifact retention (Settings, Actions, General) or keep long-lived backups in an S3 store.",
    );
  }

  return { store, remove, filesLeft: () => mostArtifacts - taken };
}

async function withinLimit<T>(work: Promise<T>, limitMs: number): Promise<T> {
  const { promise: tooLong, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

function unproven(what: string, why: string, cause?: unknown): LifeboatError {
  return new LifeboatError("store-write-unproven", `${what} was uploaded, but ${why}.`, { cause });
}
