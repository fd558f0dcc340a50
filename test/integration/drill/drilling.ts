/** Drills as the action and the command run them, and backups whose parts do not fit together. */
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DrillReport, DrillRequest } from "../../../src/operations/drill-report.ts";
import { drillDisaster } from "../../../src/operations/drill-disaster.ts";
import { drillRestoration } from "../../../src/operations/drill-restoration.ts";
import { findClientTools } from "../../../src/postgres/client-tools.ts";
import { readSealedContents } from "../../../src/operations/sealed-files.ts";
import { sealDocument } from "../../../src/seal/seal.ts";
import { type DatabaseContents, databaseOf, writeContents } from "../../../src/snapshot/contents.ts";
import { contentsName, snapshotJsonName } from "../../../src/snapshot/keys.ts";
import {
  readSnapshotJson,
  type SnapshotJson,
  writeSnapshotJson,
} from "../../../src/snapshot/snapshot-json.ts";
import type { Store } from "../../../src/store/store.ts";
import { type Clock, systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import type { Finding } from "../../../src/verification/findings.ts";
import type { Major } from "../../support/servers.ts";
import { wholeBinDir } from "../../support/whole-programs.ts";
import type { Safe } from "../backup/backing-up.ts";

export interface Drilling extends Partial<DrillRequest> {
  readonly clock?: Clock;
}

type Keys = Pick<Safe, "store" | "folder" | "identities" | "recipients">;

export function drill(
  kind: DrillReport["kind"],
  { store, folder, identities, recipients }: Keys,
  { clock = systemClock, ...request }: Drilling = {},
): Promise<DrillReport> {
  const perform = kind === "disaster" ? drillDisaster : drillRestoration;
  return perform(
    {
      sources: [{ name: "database", kind: "database" }],
      ofAgeMs: 30 * 86_400_000,
      identities,
      recipients,
      waive: [],
      checks: [],
      signer: undefined,
      trust: { signers: [] },
      signingKey: undefined,
      server: undefined,
      jobs: 2,
      by: { name: "tester" },
      ...request,
    },
    surroundingsOf(store, folder, clock),
  );
}

function surroundingsOf(store: Store, folder: string, clock: Clock) {
  return {
    store,
    clock,
    logger: silentLogger,
    zstd: "zstd",
    temporaryFolder: folder,
    signal: new AbortController().signal,
    lifeboatVersion: "0.0.0",
    clientTools: async (major: number) => {
      const tools = await findClientTools(major, await wholeBinDir(major as Major, folder));
      if (tools === undefined) throw new Error(`There are no programs of PostgreSQL ${major}.`);
      return tools;
    },
    serverPrograms: () => Promise.resolve(),
    extensionPackages: () => Promise.resolve(),
  };
}

/** Everything that is worse than information: `component: code: sentence`. */
export function troubles({ sources, between, undrilled }: DrillReport): readonly string[] {
  const told = (where: string, findings: readonly Finding[]): readonly string[] =>
    findings
      .filter(({ level }) => level !== "info")
      .map(({ code, sentence }) => `${where}: ${code}: ${sentence}`);
  return [
    ...undrilled.flatMap(({ source, finding }) => told(source, [finding])),
    ...sources.flatMap(({ examined }) =>
      examined.components.flatMap(({ component, findings }) => told(component, findings)),
    ),
    ...between.flatMap(({ component, findings }) => told(component, findings)),
  ];
}

/**
 * Turns the snapshot `lying` into one that claims the contents of `honest`: as if somebody had changed the dump before it
 * was sealed. Both must be of databases with the same tables.
 */
export async function claimContents(
  { store, folder, identities, recipients }: Keys,
  lying: SnapshotJson,
  honest: SnapshotJson,
  change: (database: DatabaseContents) => DatabaseContents = (same) => same,
): Promise<void> {
  const [own, other] = [
    await readSealedContents(store, lying, identities),
    await readSealedContents(store, honest, identities),
  ];
  const claimed = { ...own, database: change(databaseOf(other)) };
  const inside = await sealDocument(writeContents(claimed), recipients);
  const place = join(folder, "store", "snapshots", lying.source, lying.id);
  const stored = readSnapshotJson(await readFile(join(place, snapshotJsonName)), lying);
  const files = stored.files.map((file) =>
    file.name === contentsName ? { ...file, ...inside.extents } : file,
  );
  // A folder of its own: files of a snapshot are never written over.
  const forged = `${place}.forged`;
  await cp(place, forged, { recursive: true });
  await rm(place, { recursive: true });
  await rm(join(forged, contentsName));
  await rm(join(forged, snapshotJsonName));
  await writeFile(join(forged, contentsName), inside.bytes);
  await writeFile(join(forged, snapshotJsonName), writeSnapshotJson({ ...stored, files }));
  await cp(forged, place, { recursive: true });
  await rm(forged, { recursive: true });
}
