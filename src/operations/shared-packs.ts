/**
 * Packs that several snapshots share, as one backup uses them. What it may not rely on (marked for deletion, expiring
 * before the new snapshot does) it copies as sealed bytes under a new id: no key is needed and Supabase is not asked.
 */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { packFileName, packKey, packOfKey, packPrefix, rewrapKey } from "../snapshot/keys.ts";
import { writeRewrap } from "../snapshot/rewrap-json.ts";
import type { SharedPack } from "../snapshot/snapshot-json.ts";
import type { Lifetime, ListedFile, Store } from "../store/store.ts";
import type { Logger } from "../system/logger.ts";
import { Rewraps } from "./rewraps.ts";
import type { Finding } from "../verification/findings.ts";
import { readSealedPack } from "./sealed-files.ts";

/** All packs of a source that a store holds. */
export interface PackSurvey {
  readonly packs: ReadonlyMap<string, ListedFile>;
  /** Packs that somebody has marked for deletion, with the moment. */
  readonly marked: ReadonlyMap<string, ListedFile>;
}

export async function surveyPacks(store: Store, source: string): Promise<PackSurvey> {
  const packs = new Map<string, ListedFile>();
  const marked = new Map<string, ListedFile>();
  for (const file of await store.files(packPrefix(source))) {
    const place = packOfKey(file.key);
    if (place !== undefined) (place.kind === "pack" ? packs : marked).set(place.pack, file);
  }
  return { packs, marked };
}

export interface CarriedPacksOptions {
  readonly store: Store;
  readonly source: string;
  readonly logger: Logger;
  /** What the previous snapshot recorded of its packs. */
  readonly recorded: readonly SharedPack[];
  /** Packs must be kept until then; undefined where nothing expires by itself. */
  readonly neededUntil: Date | undefined;
  readonly packLifetime: Lifetime | undefined;
  newId(): string;
}

export class CarriedPacks {
  readonly #options: CarriedPacksOptions;
  readonly #survey: PackSurvey;
  readonly #recorded: ReadonlyMap<string, SharedPack>;
  readonly #resolved = new Map<string, Promise<SharedPack | undefined>>();
  readonly #copied: string[] = [];
  readonly #findings: Finding[] = [];
  readonly #rewraps: Rewraps;

  private constructor(options: CarriedPacksOptions, survey: PackSurvey) {
    this.#options = options;
    this.#survey = survey;
    this.#rewraps = new Rewraps(options.store, options.source);
    this.#recorded = new Map(options.recorded.map((pack) => [pack.id, pack]));
  }

  static async open(options: CarriedPacksOptions): Promise<CarriedPacks> {
    return new CarriedPacks(options, await surveyPacks(options.store, options.source));
  }

  /** Ids of the packs that were copied for this backup. */
  get copied(): readonly string[] {
    return this.#copied;
  }

  /** What could not be carried, and so is fetched again: Supabase bills it. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** The pack to refer to instead of `id`, whose places are the same; undefined where its objects must be fetched again. */
  async resolve(id: string): Promise<SharedPack | undefined> {
    let resolved = this.#resolved.get(id);
    if (resolved === undefined) this.#resolved.set(id, (resolved = this.#look(id)));
    return await resolved;
  }

  async #look(id: string): Promise<SharedPack | undefined> {
    const recorded = this.#recorded.get(id);
    const listed = this.#survey.packs.get(id);
    if (recorded === undefined) return this.#lost(`The index names a pack ${id} that its snapshot does not.`);
    if (listed === undefined) return this.#lost(`Pack ${id} is gone.`);
    const length = recorded.header.length + recorded.payload.length;
    if (listed.length !== length)
      return this.#lost(`Pack ${id} has ${listed.length} bytes instead of ${length}.`);
    const { neededUntil } = this.#options;
    const expires =
      neededUntil !== undefined && listed.expiresAt !== undefined && listed.expiresAt < neededUntil;
    if (!expires && !this.#survey.marked.has(id)) return recorded;
    return await this.#copy(recorded);
  }

  async #copy(pack: SharedPack): Promise<SharedPack | undefined> {
    const { store, source, logger, packLifetime } = this.#options;
    const id = this.#options.newId();
    try {
      // First, so that there is no moment at which rotated keys do not open the copy.
      await this.#copyRewraps(pack.id, id);
      await store.putStream(packKey(source, id), readSealedPack(store, source, pack), packLifetime);
    } catch (cause) {
      const { exitCode, code, message } = asLifeboatError(cause);
      if (exitCode !== 3 && code !== "store-object-missing") throw cause;
      return this.#lost(message);
    }
    this.#copied.push(id);
    logger.info(`Copied pack ${pack.id} as ${id}: it would not have lasted as long as this snapshot.`);
    return { ...pack, id };
  }

  #lost(why: string): SharedPack | undefined {
    const sentence = `A pack cannot be used any more, so its objects are fetched again: ${why}`;
    const remedy =
      "Verify the snapshot before this one: what else it shares with the pack cannot be restored.";
    this.#options.logger.warning(sentence);
    this.#findings.push({ level: "warning", code: "pack-lost", sentence, publicSentence: sentence, remedy });
    return undefined;
  }

  #notCopied(pack: string, why: string): void {
    const sentence = `New headers of pack ${pack} were not copied with it: ${why}`;
    const remedy = "Run rotate-keys again: whoever holds only the new key may not open the copy.";
    this.#options.logger.warning(sentence);
    const code = "rewrap-damaged";
    this.#findings.push({ level: "warning", code, sentence, publicSentence: sentence, remedy });
  }

  /** The bytes are the same, so the headers fit; only the names change. */
  async #copyRewraps(from: string, to: string): Promise<void> {
    const { store, source, packLifetime } = this.#options;
    const { rewraps, unusable } = await this.#rewraps.of(from);
    for (const { error } of unusable) this.#notCopied(from, error.message);
    for (const { number, rewrap } of rewraps) {
      const files = rewrap.files
        .filter(({ name }) => name === packFileName(from))
        .map((file) => ({ ...file, name: packFileName(to) }));
      if (files.length === 0) continue;
      await store.put(rewrapKey(source, to, number), writeRewrap({ ...rewrap, id: to, files }), packLifetime);
    }
  }
}

/** Right before the commit: whoever marked a pack meanwhile did not know of this snapshot. */
export async function provePacksUsable(store: Store, source: string, ids: readonly string[]): Promise<void> {
  const { packs, marked } = await surveyPacks(store, source);
  const missing = ids.filter((id) => !packs.has(id));
  const doomed = ids.filter((id) => marked.has(id));
  if (missing.length === 0 && doomed.length === 0) return;
  throw new LifeboatError(
    "pack-not-usable",
    `Of the ${ids.length} packs that the snapshot needs, ${missing.length} are gone and ${doomed.length} are marked for deletion.`,
  );
}
