/** The application snapshot that a restore is about: found, vouched for, its contents unsealed. */
import { LifeboatError } from "../errors.ts";
import type { Identities } from "../seal/identities.ts";
import type { Contents } from "../snapshot/contents.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { refuseForged } from "./check-history.ts";
import { locateSnapshot, namingOthers, type SnapshotChoice } from "./locate-snapshot.ts";
import { readSealedContents } from "./sealed-files.ts";
import type { Trust } from "./vouched-documents.ts";

export interface ChosenApplication {
  readonly source: string;
  readonly choice: SnapshotChoice;
  readonly identities: Identities;
  readonly trust?: Trust;
}

export interface ApplicationSurroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly zstd: string | undefined;
}

export interface OpenApplication {
  readonly snapshot: SnapshotJson;
  readonly contents: Contents;
  /** Named where this one turns out to be damaged. */
  readonly newestWhole: Parameters<typeof namingOthers>[0];
}

export async function openApplication(
  { source, choice, identities, trust = { signers: [] } }: ChosenApplication,
  { clock, logger, store }: ApplicationSurroundings,
): Promise<OpenApplication> {
  const located = await locateSnapshot(store, source, choice, clock.now());
  const { snapshot, storeFindings, newestWhole } = located;
  for (const { sentence, remedy } of storeFindings) logger.warning(`${sentence} ${remedy}`);
  await refuseForged(store, located, { trust, now: clock.now(), logger });
  if (snapshot.kind !== "application") {
    throw new LifeboatError("input-invalid", `Snapshot ${snapshot.id} is one of a ${snapshot.kind}.`, {
      hint: `Restore it with kind ${snapshot.kind}, or name the source of the application.`,
    });
  }
  const contents = await namingOthers(newestWhole, readSealedContents(store, snapshot, identities));
  return { snapshot, contents, newestWhole };
}
