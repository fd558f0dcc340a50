/** What stands in a project, backed up, verified `unsealed` and held before a restore replaces it. */
import { availableParallelism } from "node:os";
import { LifeboatError } from "../errors.ts";
import { parseRecipients } from "../seal/recipients.ts";
import { sourceBefore } from "../snapshot/keys.ts";
import { backUpDatabase } from "./back-up-database.ts";
import { holdSnapshot } from "./hold-snapshot.ts";
import type { RestorePlan } from "./plan-database-restore.ts";
import type { RestoreSurroundings, SnapshotRestoreRequest } from "./snapshot-restore-request.ts";
import { verifySnapshot } from "./verify-snapshot.ts";

export interface SnapshotBefore {
  /** A source of its own: `latest` of the restored one must never mean what a restore replaced. */
  readonly source: string;
  readonly snapshot: string;
  readonly store: string;
}

/** Throws, with the project untouched, unless the snapshot is whole and opens with the identity at hand. */
export async function snapshotBeforeRestore(
  wanted: SnapshotRestoreRequest,
  surroundings: RestoreSurroundings,
  { secrets }: { readonly secrets: boolean },
): Promise<SnapshotBefore> {
  const { store, clock, logger } = surroundings;
  const { identities, request, signingKey } = wanted;
  const means = surroundings.beforeRestore;
  const recipients = await identities.recipients();
  const source = sourceBefore(wanted.source);
  if (means === undefined || recipients.length === 0) {
    throw new LifeboatError(
      "restore-impossible",
      "What stands in the project must be backed up first, and that is not possible here.",
      { hint: "Give an age identity: a passphrase cannot seal the backup that is made first." },
    );
  }
  logger.info("Backing up what stands in the project, before anything is replaced.");
  const jobs = Math.min(4, availableParallelism());
  const { snapshot } = await backUpDatabase(
    {
      connection: request.target,
      source,
      tiers: ["daily"],
      recipients: parseRecipients(recipients),
      signingKey,
      jobs,
      cores: availableParallelism(),
      hashes: true,
      // What is deleted must be in it.
      vault: secrets,
    },
    { ...surroundings, ...means },
  );
  const { verdict, findings } = await verifySnapshot(
    {
      source,
      choice: { kind: "id", id: snapshot.id },
      level: "unsealed",
      identities,
      waive: [],
      signer: undefined,
      signingKey,
      server: undefined,
      jobs,
    },
    { ...surroundings, ...means },
  );
  if (verdict !== "passed") {
    throw new LifeboatError(
      "restore-not-verified",
      `The backup of what stands in the project is ${verdict}: ${findings[0]?.publicSentence ?? "it was not proven whole"}.`,
      { hint: "Nothing was changed. Back the project up yourself and find out why." },
    );
  }
  const by = { name: "restore" };
  const because = `what stood in the project before the restore of "${wanted.source}"`;
  const trust = wanted.trust ?? { signers: [] };
  await holdSnapshot("hold", snapshot.id, { source, because, by, trust, signingKey }, { store, clock });
  logger.info(`Snapshot ${snapshot.id} of "${source}" is verified and held.`);
  return { source, snapshot: snapshot.id, store: store.address };
}

/** The one command that puts back what stood there. */
export function putBackCommand({ source, snapshot, store }: SnapshotBefore, { target }: RestorePlan): string {
  return (
    `lifeboat restore database --store ${store} --source ${source} --snapshot ${snapshot} ` +
    `--target-url env:TARGET_URL --in-place --confirm ${target.database} --identity-file IDENTITY`
  );
}
