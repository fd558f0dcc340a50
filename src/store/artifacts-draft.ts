/** A snapshot being written as artifacts of the current run: visible once its commit artifact is listed. */
import { LifeboatError } from "../errors.ts";
import { snapshotFileKey, snapshotJsonKey } from "../snapshot/keys.ts";
import type { Logger } from "../system/logger.ts";
import type { ArtifactCatalogue } from "./artifacts-catalogue.ts";
import { partName } from "./artifacts-names.ts";
import { type ArtifactUploads, nameRefused } from "./artifacts-upload.ts";
import { wordsOf } from "./local-files.ts";
import type { Draft, DraftIdentity, StoredFile } from "./store.ts";

export interface ArtifactDraftSettings {
  readonly uploads: ArtifactUploads;
  readonly catalogue: ArtifactCatalogue;
  readonly logger: Logger;
}

export class ArtifactDraft implements Draft {
  readonly #identity: DraftIdentity;
  readonly #settings: ArtifactDraftSettings;
  readonly #stored = new Set<string>();
  #committed = false;

  constructor(identity: DraftIdentity, settings: ArtifactDraftSettings) {
    this.#identity = identity;
    this.#settings = settings;
  }

  async put(name: string, bytes: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const { source, id, lifetime } = this.#identity;
    const key = snapshotFileKey(source, id, name);
    if (this.#committed) throw new LifeboatError("unexpected", `${key} comes after the commit.`);
    const artifactName = partName(this.#identity, name);
    const uploaded = await this.#settings.uploads.store(artifactName, bytes, lifetime);
    if (typeof uploaded === "string") throw nameRefused(key, uploaded);
    this.#stored.add(artifactName);
    return { key, ...uploaded.proof };
  }

  async commit(snapshotJson: Uint8Array): Promise<StoredFile> {
    const { source, id, lifetime } = this.#identity;
    const { catalogue, uploads } = this.#settings;
    const stored = await catalogue.add(uploads, snapshotJsonKey(source, id), snapshotJson, lifetime);
    this.#committed = true;
    return stored;
  }

  async abandon(): Promise<void> {
    if (this.#committed) return;
    for (const name of this.#stored) {
      try {
        await this.#settings.uploads.remove(name);
        this.#stored.delete(name);
      } catch (thrown) {
        // The error that led here matters more, and what stays is invisible and expires.
        this.#settings.logger.debug(`${name} could not be removed: ${wordsOf(thrown)}`);
      }
    }
  }
}
