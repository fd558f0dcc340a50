/**
 * Packs, their marks, shards and rewraps: files beside the snapshots, each an artifact with a name of its own. GitHub lists
 * artifacts by whole names or by run, never by the beginning of a name; so every run that writes such files says so
 * first, in a small file with a fixed name, and a listing asks only those runs (docs/decisions/0007).
 */
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { ArtifactCatalogue } from "./artifacts-catalogue.ts";
import type { ArtifactDownloads } from "./artifacts-download.ts";
import { runsFamily, runsKey, runsPrefix, sharedName, sharedPrefix } from "./artifacts-names.ts";
import type { ArtifactsRest, ListedArtifact } from "./artifacts-rest.ts";
import type { ArtifactTrust } from "./artifacts-trust.ts";
import { type ArtifactUploads, nameRefused } from "./artifacts-upload.ts";
import { wordsOf } from "./local-files.ts";
import { proofOf, sameBytes } from "./proof.ts";
import type { Lifetime, ListedFile, StoredFile } from "./store.ts";

export interface SharedArtifacts {
  /** Every file below `packs/<source>/`, `rewraps/<source>/` or `shards/<source>/<group>/`, of runs that are ours. */
  list(prefix: string): Promise<readonly ListedFile[]>;
  /** Where one file is; of several, the first that was stored. Expired ones are found only where no other is. */
  find(key: string): Promise<ListedArtifact | undefined>;
  /** All of ours with this key, for deleting them. */
  all(key: string): Promise<readonly ListedArtifact[]>;
  put(
    run: { readonly id: number; readonly uploads: ArtifactUploads },
    key: string,
    bytes: AsyncIterable<Uint8Array>,
    lifetime?: Lifetime,
  ): Promise<StoredFile>;
  forget(key: string): void;
}

export interface SharedArtifactsSettings {
  readonly rest: ArtifactsRest;
  readonly trust: ArtifactTrust;
  readonly downloads: ArtifactDownloads;
  readonly catalogue: ArtifactCatalogue;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function sharedArtifacts(settings: SharedArtifactsSettings): SharedArtifacts {
  const { rest, trust, downloads, catalogue, clock, logger } = settings;
  /** By artifact name. A deleted artifact answers 404 for ever, so nothing here goes stale unnoticed. */
  const places = new Map<string, ListedArtifact>();
  const scannedRuns = new Set<number>();
  const announced = new Map<string, Promise<StoredFile>>();

  /** Runs that said they would write such files, and when that saying expires. */
  async function runsOf(prefix: string): Promise<ReadonlyMap<number, Date | undefined>> {
    const { files } = await catalogue.list(runsFamily(prefix));
    const runs = new Map<number, Date | undefined>();
    for (const { key, artifact } of files) {
      if (artifact.run === undefined || !key.startsWith(runsPrefix(prefix))) continue;
      const known = runs.get(artifact.run.id);
      runs.set(artifact.run.id, later(known, artifact.expiresAt));
    }
    return runs;
  }

  async function list(prefix: string): Promise<readonly ListedFile[]> {
    const { keyOf } = sharedPrefix(prefix);
    const found = new Map<string, { readonly artifact: ListedArtifact; readonly announcedUntil?: Date }>();
    for (const [runId, announcedUntil] of await runsOf(prefix)) {
      for (const artifact of await scan(runId)) {
        const key = keyOf(artifact.name);
        if (key === undefined || artifact.expired) continue;
        // Of two that claim one key, the first counts: nothing is ever overwritten.
        if ((found.get(key)?.artifact.id ?? Infinity) < artifact.id) continue;
        places.set(artifact.name, artifact);
        found.set(key, { artifact, ...(announcedUntil === undefined ? {} : { announcedUntil }) });
      }
    }
    return [...found]
      .map(([key, { artifact, announcedUntil }]) => listedFile(key, artifact, announcedUntil))
      .sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  /** Only for runs that are ours: then everything in them is, because nobody else can upload into them. */
  async function scan(runId: number): Promise<readonly ListedArtifact[]> {
    const artifacts = await rest.list({ runId });
    scannedRuns.add(runId);
    return artifacts;
  }

  async function find(key: string): Promise<ListedArtifact | undefined> {
    const name = sharedName(key) ?? "";
    const known = places.get(name);
    if (known !== undefined) return known;
    const [first] = await all(key);
    if (first?.run === undefined) return undefined;
    places.set(name, first);
    // A reader of one pack mostly needs its run's others too: together they cost a request for every hundred.
    if (!scannedRuns.has(first.run.id)) {
      for (const artifact of await scan(first.run.id)) {
        if (!artifact.expired && !places.has(artifact.name)) places.set(artifact.name, artifact);
      }
    }
    return first;
  }

  async function all(key: string): Promise<readonly ListedArtifact[]> {
    return await oursAmong(await rest.list({ name: sharedName(key) ?? "" }));
  }

  async function oursAmong(artifacts: readonly ListedArtifact[]): Promise<readonly ListedArtifact[]> {
    const ours: ListedArtifact[] = [];
    for (const artifact of artifacts) {
      if ((await trust.originOf(artifact)).ours) ours.push(artifact);
    }
    return ours.sort((one, other) => Number(one.expired) - Number(other.expired) || one.id - other.id);
  }

  async function put(
    run: { readonly id: number; readonly uploads: ArtifactUploads },
    key: string,
    bytes: AsyncIterable<Uint8Array>,
    lifetime?: Lifetime,
  ): Promise<StoredFile> {
    const name = sharedName(key) ?? "";
    await announce(run, key, lifetime);
    const uploaded = await run.uploads.store(name, bytes, lifetime);
    if (typeof uploaded === "string") throw nameRefused(key, uploaded);
    const { artifact, proof, namesakes } = uploaded;
    const [first] = await oursAmong(namesakes.filter(({ id, expired }) => id < artifact.id && !expired));
    if (first === undefined) {
      places.set(name, artifact);
      return { key, ...proof };
    }
    // Two runs may use one name. What was there first stays, and readers take the first even where this fails.
    await run.uploads.remove(name).catch((thrown: unknown) => {
      logger.debug(`${name} could not be removed: ${wordsOf(thrown)}`);
    });
    if (sameBytes(await proofOf(await downloads.read(first)), proof)) return { key, ...proof };
    throw nameRefused(key, "taken");
  }

  /**
   * Before the first file of a day and lifetime: a run can go on, or be run again, long after its first announcement,
   * which must not expire a day or more before what it announces.
   */
  async function announce(
    { id, uploads }: { readonly id: number; readonly uploads: ArtifactUploads },
    key: string,
    lifetime: Lifetime | undefined,
  ): Promise<void> {
    const announcement = runsKey(key, id, clock.now(), lifetime);
    const bytes = Buffer.from(`{"run":${id}}\n`);
    const adding = announced.get(announcement) ?? catalogue.add(uploads, announcement, bytes, lifetime);
    announced.set(announcement, adding);
    try {
      await adding;
    } catch (thrown) {
      announced.delete(announcement);
      throw thrown;
    }
  }

  return {
    list,
    find,
    all,
    put,
    forget: (key) => {
      places.delete(sharedName(key) ?? "");
    },
  };
}

function listedFile(key: string, artifact: ListedArtifact, announcedUntil: Date | undefined): ListedFile {
  const expiresAt = earlier(artifact.expiresAt, announcedUntil);
  return {
    key,
    length: artifact.length,
    storedAt: artifact.createdAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

function later(one: Date | undefined, other: Date | undefined): Date | undefined {
  return one === undefined || (other !== undefined && other > one) ? other : one;
}

function earlier(one: Date | undefined, other: Date | undefined): Date | undefined {
  return one === undefined || (other !== undefined && other < one) ? other : one;
}
