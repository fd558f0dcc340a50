/** The schema of a snapshot as SQL, without its rows: for review, for a diff, for an empty copy. */
import type { ClientTools } from "../postgres/client-tools.ts";
import { readArchive } from "../postgres/archive-text.ts";
import type { Identities } from "../seal/identities.ts";
import { decompressStream } from "../seal/zstd.ts";
import { databaseOf } from "../snapshot/contents.ts";
import { LifeboatError } from "../errors.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import { fileNamed, readSealedContents, unsealFile } from "./sealed-files.ts";

export interface ExportSurroundings {
  readonly store: Store;
  readonly zstd: string | undefined;
  clientTools(major: number): Promise<ClientTools>;
}

/** The SQL as a stream; it ends only if every byte of the schema archive was authenticated. */
export async function* exportSchema(
  snapshot: SnapshotJson,
  identities: Identities,
  surroundings: ExportSurroundings,
): AsyncGenerator<Uint8Array> {
  const contents = await readSealedContents(surroundings.store, snapshot, identities);
  const tools = await surroundings.clientTools(databaseOf(contents).server.major);
  const file = contents.files.find(({ role }) => role === "schema");
  if (file === undefined)
    throw new LifeboatError("snapshot-damaged", `Snapshot ${snapshot.id} has no schema.`);
  const sealed = unsealFile(surroundings.store, snapshot, fileNamed(snapshot, file.name), identities);
  yield* readArchive(tools, decompressStream(sealed, { maxBytes: file.rawBytes, zstd: surroundings.zstd }));
}
