/**
 * Small files that are found by a fixed name: commits, evidence. Each is an artifact of its own in the first
 * free slot of its run, and carries copies of those before it (artifacts-envelope.ts).
 */
import { streamOf } from "../system/stream-of.ts";
import { LifeboatError } from "../errors.ts";
import type { ArtifactDownloads } from "./artifacts-download.ts";
import { type Envelope, parseEnvelope, writeEnvelope } from "./artifacts-envelope.ts";
import { type FamilyName, familyOfKey, slotName } from "./artifacts-names.ts";
import type { ArtifactsRest, ListedArtifact } from "./artifacts-rest.ts";
import type { ArtifactTrust } from "./artifacts-trust.ts";
import type { ArtifactUploads } from "./artifacts-upload.ts";
import { proofOfBytes } from "./proof.ts";
import type { Lifetime, StoredFile, StoreFinding } from "./store.ts";

export interface CatalogueFile {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly artifact: ListedArtifact;
  /** `sha256:<hex>` of the artifact's bytes. */
  readonly digest: string;
}

export interface CatalogueListing {
  /** Ours, each key once. */
  readonly files: readonly CatalogueFile[];
  readonly findings: readonly StoreFinding[];
}

export interface ArtifactCatalogue {
  list(family: FamilyName): Promise<CatalogueListing>;
  /** The file of one artifact, downloaded; undefined where the artifact is no envelope. */
  download(artifact: ListedArtifact): Promise<CatalogueFile | undefined>;
  /** Stores one file so that a listing shows it. The same bytes again change nothing; others are refused. */
  add(uploads: ArtifactUploads, key: string, bytes: Uint8Array, lifetime?: Lifetime): Promise<StoredFile>;
}

export interface CatalogueSettings {
  readonly rest: ArtifactsRest;
  readonly trust: ArtifactTrust;
  readonly downloads: ArtifactDownloads;
}

/**
 * Deletions leave gaps among the slots. A listing ends after so many empty ones in a row, and not before the last slot
 * that the artifacts it found tell of: those that later runs wrote know what was there.
 */
const emptySlotsInARow = 3;
const mostSlots = 500;
/** A longer artifact under our name holds nothing of ours. */
const longestEnvelope = 32 * 1024 * 1024;

interface Slots {
  readonly artifacts: readonly ListedArtifact[];
  /** The highest that holds something, and one. */
  readonly used: number;
  readonly walked: number;
}

interface SlotListing extends CatalogueListing {
  readonly usedSlots: number;
}

export function artifactCatalogue({ rest, trust, downloads }: CatalogueSettings): ArtifactCatalogue {
  // Artifacts never change: what was downloaded and judged once is known.
  const known = new Map<number, CatalogueFile>();
  const firstFreeSlot = new Map<FamilyName, number>();
  /** How many slots artifacts tell of. */
  const toldSlots = new Map<FamilyName, number>();

  /** Newest first. */
  async function slotsOf(family: FamilyName): Promise<Slots> {
    const artifacts: ListedArtifact[] = [];
    const told = toldSlots.get(family) ?? 0;
    let used = 0;
    let slot = 0;
    for (let empty = 0; slot < told || empty < emptySlotsInARow; slot += 1) {
      const found = (await rest.list({ name: slotName(family, slot) })).filter(({ expired }) => !expired);
      empty = found.length === 0 ? empty + 1 : 0;
      if (found.length > 0) used = slot + 1;
      artifacts.push(...found);
    }
    return { artifacts: artifacts.sort((one, other) => other.id - one.id), used, walked: slot };
  }

  async function list(family: FamilyName): Promise<SlotListing> {
    for (;;) {
      const slots = await slotsOf(family);
      const listing = await read(family, slots.artifacts);
      if ((toldSlots.get(family) ?? 0) <= slots.walked) return { ...listing, usedSlots: slots.used };
    }
  }

  async function read(family: FamilyName, artifacts: readonly ListedArtifact[]): Promise<CatalogueListing> {
    const files = new Map<string, CatalogueFile>();
    const findings = new Map<number, StoreFinding>();
    const carried = new Map<number, CatalogueFile>();
    // Newest first: the newest of ours brings copies of nearly all others.
    for (const artifact of artifacts) {
      const copy = known.get(artifact.id) ?? carried.get(artifact.id);
      const isKnown = copy !== undefined && copy.digest === artifact.digest;
      const judgement = await (isKnown ? trust.placeOf(artifact) : trust.originOf(artifact));
      if (!judgement.ours) {
        findings.set(artifact.run?.id ?? -artifact.id, foreign(artifact, judgement.because));
        continue;
      }
      const file = isKnown
        ? { ...copy, artifact }
        : await downloadListed(artifact, family, carried, findings);
      if (file === undefined) continue;
      known.set(artifact.id, file);
      // Of two that claim one key, the first counts: nothing is ever overwritten.
      files.set(file.key, file);
    }
    return { files: [...files.values()], findings: [...findings.values()] };
  }

  async function downloadListed(
    artifact: ListedArtifact,
    family: FamilyName,
    carried: Map<number, CatalogueFile>,
    findings: Map<number, StoreFinding>,
  ): Promise<CatalogueFile | undefined> {
    const read = await ifThere(envelopeOf(artifact));
    if (read === undefined) return undefined;
    const [envelope] = read;
    if (envelope === undefined || familyOfKey(envelope.key) !== family) {
      findings.set(-artifact.id, unreadable(artifact));
      return undefined;
    }
    toldSlots.set(family, Math.max(toldSlots.get(family) ?? 0, Math.min(envelope.slots ?? 0, mostSlots)));
    for (const { artifactId, digest, key, bytes } of envelope.earlier) {
      if (familyOfKey(key) === family && !carried.has(artifactId)) {
        carried.set(artifactId, { key, bytes, digest, artifact });
      }
    }
    return { key: envelope.key, bytes: envelope.bytes, artifact, digest: envelope.digest };
  }

  async function envelopeOf(artifact: ListedArtifact): Promise<(Envelope & { digest: string }) | undefined> {
    if (artifact.length > longestEnvelope) return undefined;
    const chunks: Uint8Array[] = [];
    for await (const chunk of await downloads.read(artifact)) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const envelope = parseEnvelope(bytes);
    return envelope && { ...envelope, digest: `sha256:${proofOfBytes(bytes).sha256}` };
  }

  async function add(
    uploads: ArtifactUploads,
    key: string,
    bytes: Uint8Array,
    lifetime?: Lifetime,
  ): Promise<StoredFile> {
    const family = familyOfKey(key);
    if (family === undefined) throw new LifeboatError("unexpected", `${key} is stored by its draft only.`);
    const { files, usedSlots } = await list(family);
    const there = files.find((file) => file.key === key);
    if (there !== undefined) {
      if (Buffer.from(there.bytes).equals(bytes)) return { key, ...proofOfBytes(bytes) };
      throw new LifeboatError("store-key-exists", `${key} is already in the store with other bytes.`);
    }
    const earlier = files.map((file) => ({ ...file, artifactId: file.artifact.id }));
    const envelopeIn = (slot: number): Uint8Array =>
      writeEnvelope({ key, bytes, earlier, slots: Math.max(usedSlots, slot + 1) });
    const { artifact, digest } = await uploadIntoFreeSlot(uploads, family, envelopeIn, lifetime);
    known.set(artifact.id, { key, bytes, artifact, digest });
    const { expiresAt } = artifact;
    return { key, ...proofOfBytes(bytes), ...(expiresAt === undefined ? {} : { expiresAt }) };
  }

  async function uploadIntoFreeSlot(
    uploads: ArtifactUploads,
    family: FamilyName,
    envelopeIn: (slot: number) => Uint8Array,
    lifetime: Lifetime | undefined,
  ): Promise<{ readonly artifact: ListedArtifact; readonly digest: string }> {
    for (let slot = firstFreeSlot.get(family) ?? 0; slot < mostSlots; slot += 1) {
      const envelope = envelopeIn(slot);
      const uploaded = await uploads.store(slotName(family, slot), streamOf(envelope), lifetime);
      if (typeof uploaded === "string") continue;
      firstFreeSlot.set(family, slot + 1);
      return { artifact: uploaded.artifact, digest: `sha256:${proofOfBytes(envelope).sha256}` };
    }
    throw new LifeboatError("store-write-failed", `This run has used all ${mostSlots} slots of ${family}.`);
  }

  return {
    list,
    add,
    download: async (artifact) => {
      const envelope = await envelopeOf(artifact);
      return envelope && { key: envelope.key, bytes: envelope.bytes, artifact, digest: envelope.digest };
    },
  };
}

/** Undefined for what was deleted or has expired since it was listed: it is not in the store any more. */
async function ifThere<T>(work: Promise<T>): Promise<readonly [T] | undefined> {
  try {
    return [await work];
  } catch (thrown) {
    if (thrown instanceof LifeboatError && thrown.code === "store-object-missing") return undefined;
    throw thrown;
  }
}

function foreign({ id, run }: ListedArtifact, because: string): StoreFinding {
  return {
    code: "foreign-artifact",
    sentence:
      run === undefined
        ? `Artifact ${id} has the name of a backup, but ${because}.`
        : `An artifact of run ${run.id} has the name of a backup, but the run ${because}.`,
    remedy: "It was not used. If you do not know the run, look at who started it and delete its artifacts.",
  };
}

function unreadable({ id, run }: ListedArtifact): StoreFinding {
  return {
    code: "snapshot-json-missing",
    sentence: `Artifact ${id} of run ${run?.id ?? 0} has the name of a commit, but does not hold one.`,
    remedy: "The backup of that run cannot be used. Find out what changed the artifact, then delete it.",
  };
}
