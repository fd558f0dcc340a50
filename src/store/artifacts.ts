/**
 * GitHub artifacts as a store: `artifacts:` for the repository of the current run, `artifacts:owner/repo` to read from a
 * terminal. Parts that were never committed are in no listing and expire; nobody can tell whether their job still runs.
 */
import { LifeboatError } from "../errors.ts";
import { snapshotJsonName, snapshotPrefix } from "../snapshot/keys.ts";
import { streamOf } from "../system/stream-of.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { type ArtifactCatalogue, artifactCatalogue, type CatalogueFile } from "./artifacts-catalogue.ts";
import { type ArtifactDownloads, artifactDownloads } from "./artifacts-download.ts";
import { ArtifactDraft } from "./artifacts-draft.ts";
import {
  familyOfKey,
  familyOfPrefix,
  isSharedPrefix,
  partName,
  partPrefix,
  sharedName,
  snapshotFamily,
} from "./artifacts-names.ts";
import { type ArtifactsRest, artifactsRest, type ListedArtifact, type Repository } from "./artifacts-rest.ts";
import { type SharedArtifacts, sharedArtifacts } from "./artifacts-shared.ts";
import { artifactTrust, type TrustSettings } from "./artifacts-trust.ts";
import { type ArtifactUploads, artifactUploads } from "./artifacts-upload.ts";
import { checkStreamedKey, cutRange, missing, snapshotOfKey, type SnapshotPlace } from "./store-key.ts";
import type { ByteRange, ListedFile, SnapshotListing, Store } from "./store.ts";
import { realSleep, type Sleep } from "./with-retries.ts";

export type { Repository };

export interface ArtifactStoreSettings extends TrustSettings {
  readonly repository: Repository;
  /** Needs `actions: read`, and `actions: write` for deleting. */
  readonly token: string;
  readonly apiUrl: string;
  /** The workflow run whose artifacts are written; absent on a terminal, where the store can only be read. */
  readonly run?: WritingRun;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sleep?: Sleep;
  readonly idleTimeoutMs?: number;
  readonly uploadLimitMs?: (bytes: number) => number;
  readonly mostArtifacts?: number;
}

export interface WritingRun {
  readonly id: number;
  /** RUNNER_TEMP: sealed files are spooled here before their upload. */
  readonly temporaryFolder: string;
}

export function artifactStore(settings: ArtifactStoreSettings): Store {
  const { repository, run, logger, sleep = realSleep } = settings;
  const address = run === undefined ? `artifacts:${repository.owner}/${repository.name}` : "artifacts:";
  const rest = artifactsRest(settings);
  const downloads = artifactDownloads(rest, { ...settings, sleep });
  const trust = artifactTrust(rest, settings);
  const catalogue = artifactCatalogue({ rest, trust, downloads });
  const shared = sharedArtifacts({ ...settings, rest, trust, downloads, catalogue });
  const reader = new ArtifactReader(rest, catalogue, downloads, shared);
  const uploads =
    run && artifactUploads({ ...settings, ...run, runId: run.id, rest, downloads, sleep, logger });

  /** Also refuses a run whose backups no reader would count, before it has dumped anything. */
  async function writable(): Promise<{ readonly id: number; readonly uploads: ArtifactUploads }> {
    if (run === undefined || uploads === undefined) {
      throw new LifeboatError("input-invalid", `The store ${address} can only be read from here.`, {
        hint: "Artifacts are written by workflow runs of that repository; from a terminal use file:///path.",
      });
    }
    const judgement = await trust.judgeRun(run.id);
    if (judgement.ours) return { id: run.id, uploads };
    throw new LifeboatError(
      "input-invalid",
      `Backups of run ${run.id} would not count: it ${judgement.because}.`,
      {
        hint: "Take backups on the default branch, or allow the branch in the policy; never from pull requests.",
      },
    );
  }

  return {
    address,
    isReadOnly: run === undefined,
    ...(uploads === undefined ? {} : { filesLeft: () => uploads.filesLeft() }),
    sources: async () => await Promise.resolve(undefined),
    snapshots: async (source) => await reader.snapshots(source),
    files: async (prefix) => await reader.files(prefix),
    read: async (key, range) => await reader.read(key, range),
    begin: async (identity) => new ArtifactDraft(identity, { ...(await writable()), catalogue, logger }),
    put: async (key, bytes, lifetime) => {
      const writer = await writable();
      return sharedName(key) === undefined
        ? await catalogue.add(writer.uploads, key, bytes, lifetime)
        : await shared.put(writer, key, streamOf(bytes), lifetime);
    },
    putStream: async (key, bytes, lifetime) => {
      checkStreamedKey(key);
      return await shared.put(await writable(), key, bytes, lifetime);
    },
    delete: async (key) => {
      await writable();
      for (const artifact of await reader.artifactsOf(key)) await deleteProven(rest, artifact, key, sleep);
      reader.forget(key);
    },
    serverTime: () => rest.serverTime(),
  };
}

class ArtifactReader {
  readonly #rest: ArtifactsRest;
  readonly #catalogue: ArtifactCatalogue;
  readonly #downloads: ArtifactDownloads;
  readonly #shared: SharedArtifacts;
  /** Where a key's bytes are. A deleted artifact answers 404 for ever, so nothing here goes stale unnoticed. */
  readonly #places = new Map<string, ListedArtifact>();
  /** Of evidence and the like, which a listing has just brought: a request less for each. Never of snapshot.json. */
  readonly #copies = new Map<string, Uint8Array>();

  constructor(
    rest: ArtifactsRest,
    catalogue: ArtifactCatalogue,
    downloads: ArtifactDownloads,
    shared: SharedArtifacts,
  ) {
    this.#rest = rest;
    this.#catalogue = catalogue;
    this.#downloads = downloads;
    this.#shared = shared;
  }

  async snapshots(source: string): Promise<SnapshotListing> {
    const { files, findings } = await this.#list(snapshotFamily(source));
    const snapshots = files.map(({ key, bytes, artifact }) => ({
      id: snapshotOfKey(key)?.id ?? "",
      snapshotJson: bytes,
      ...timesOf(artifact),
    }));
    return { snapshots: snapshots.sort((one, other) => (one.id < other.id ? -1 : 1)), findings };
  }

  async files(prefix: string): Promise<readonly ListedFile[]> {
    if (isSharedPrefix(prefix)) return await this.#shared.list(prefix);
    const place = snapshotOfKey(`${prefix.replace(/\/$/, "")}/${snapshotJsonName}`);
    if (place !== undefined) return await this.#filesOfSnapshot(place);
    const { files } = await this.#list(familyOfPrefix(prefix));
    return files
      .filter(({ key }) => key.startsWith(prefix))
      .map(listedFile)
      .sort(byKey);
  }

  async read(key: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    if (sharedName(key) !== undefined) {
      const artifact = await this.#shared.find(key);
      if (artifact === undefined) throw missing(key);
      return await this.#downloads.read(artifact, range);
    }
    const family = familyOfKey(key);
    const artifact = family === undefined ? await this.#partOf(key) : await this.#catalogued(key);
    if (artifact === undefined) throw missing(key);
    if (family === undefined) return await this.#downloads.read(artifact, range);
    const copy = this.#copies.get(key);
    if (copy !== undefined) return only(cut(copy, range));
    // Read from its own artifact, not from a copy: this is what verify looks at.
    const file = await this.#catalogue.download(artifact);
    if (file?.key !== key) {
      throw new LifeboatError("store-read-failed", `The artifact ${artifact.id} of ${key} does not hold it.`);
    }
    return only(cut(file.bytes, range));
  }

  /** Everything that holds a key, also when its snapshot's commit has been deleted already. */
  async artifactsOf(key: string): Promise<readonly ListedArtifact[]> {
    if (sharedName(key) !== undefined) return await this.#shared.all(key);
    const place = snapshotOfKey(key);
    if (familyOfKey(key) !== undefined || place === undefined) {
      const artifact = await this.#catalogued(key);
      return artifact === undefined ? [] : [artifact];
    }
    // The id's random part makes the name ours alone; a fork's artifact of this name may go too.
    return await this.#rest.list({ name: partName(place, place.name) });
  }

  forget(key: string): void {
    this.#places.delete(key);
    this.#copies.delete(key);
    this.#shared.forget(key);
  }

  async #filesOfSnapshot(place: SnapshotPlace): Promise<readonly ListedFile[]> {
    const prefix = snapshotPrefix(place.source, place.id);
    const { files } = await this.#list(snapshotFamily(place.source));
    const commit = files.find(({ key }) => key === prefix + snapshotJsonName);
    if (commit?.artifact.run === undefined) return [];
    const ofRun = await this.#rest.list({ runId: commit.artifact.run.id });
    const parts = ofRun.filter(({ name, expired }) => !expired && name.startsWith(partPrefix(place)));
    const listed = parts.map((artifact) => {
      const key = prefix + artifact.name.slice(partPrefix(place).length);
      this.#places.set(key, artifact);
      return { key, length: artifact.length, ...timesOf(artifact) };
    });
    return [...listed, listedFile(commit)].sort(byKey);
  }

  async #partOf(key: string): Promise<ListedArtifact | undefined> {
    const known = this.#places.get(key);
    const place = snapshotOfKey(key);
    if (known !== undefined || place === undefined) return known;
    const commit = await this.#catalogued(snapshotPrefix(place.source, place.id) + snapshotJsonName);
    if (commit?.run === undefined) return undefined;
    // Only of the commit's own run: other runs, forks' among them, may use the name too.
    const name = partName(place, place.name);
    const artifact = (await this.#rest.list({ runId: commit.run.id, name })).at(-1);
    if (artifact !== undefined) this.#places.set(key, artifact);
    return artifact;
  }

  async #catalogued(key: string): Promise<ListedArtifact | undefined> {
    const family = familyOfKey(key);
    if (family !== undefined && !this.#places.has(key)) await this.#list(family);
    return this.#places.get(key);
  }

  async #list(family: string): ReturnType<ArtifactCatalogue["list"]> {
    const listing = await this.#catalogue.list(family);
    for (const { key, artifact, bytes } of listing.files) {
      this.#places.set(key, artifact);
      if (snapshotOfKey(key) === undefined) this.#copies.set(key, bytes);
    }
    return listing;
  }
}

async function deleteProven(
  rest: ArtifactsRest,
  { id }: ListedArtifact,
  key: string,
  sleep: Sleep,
): Promise<void> {
  await rest.delete(id);
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    if ((await rest.get(id)) === undefined) return;
    await sleep(500 * 2 ** attempt);
  }
  throw new LifeboatError("store-write-failed", `${key} is still there after it was deleted.`);
}

function listedFile({ key, bytes, artifact }: CatalogueFile): ListedFile {
  return { key, length: bytes.length, ...timesOf(artifact) };
}

function timesOf({ createdAt, expiresAt }: ListedArtifact): Pick<ListedFile, "storedAt" | "expiresAt"> {
  return { storedAt: createdAt, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

function byKey(one: ListedFile, other: ListedFile): number {
  return one.key < other.key ? -1 : 1;
}

function cut(bytes: Uint8Array, range: ByteRange | undefined): Uint8Array {
  const { start, end } = cutRange(range, bytes.length);
  return bytes.subarray(start, end);
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield await Promise.resolve(bytes);
}
