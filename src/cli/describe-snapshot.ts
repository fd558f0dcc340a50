/** Snapshots in lines for a terminal: what anybody may see of them, and what only the key shows. */
import type { OverviewEntry } from "../operations/list-snapshots.ts";
import type { Contents } from "../snapshot/contents.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { StorageContents } from "../snapshot/storage-contents.ts";
import { formatBytes } from "./terminal.ts";

/** Lines of one kind; --json has them all. */
const mostLines = 200;

export function lineOf({ id, snapshot, problem, isTooNew, expiresAt }: OverviewEntry): string {
  if (snapshot === undefined) return `${id}  ${isTooNew === true ? "TOO NEW" : "DAMAGED"}  ${problem ?? ""}`;
  const { tables, rows, objects, sealedBytes } = snapshot.totals;
  const expiry = expiresAt === undefined ? "" : `  until ${expiresAt.slice(0, 10)}`;
  const tiers = snapshot.tiers.join(",");
  const holds =
    snapshot.kind === "storage"
      ? `${objects} objects  ${snapshot.packs.length} packs`
      : `${tables} tables  ${rows} rows`;
  return `${id}  ${tiers}  ${snapshot.state}  ${holds}  ${formatBytes(sealedBytes)}${expiry}`;
}

export function describeSnapshot(snapshot: SnapshotJson): readonly string[] {
  const { totals, versions } = snapshot;
  return [
    `Snapshot  ${snapshot.id} (${snapshot.state}) of ${snapshot.kind} "${snapshot.source}"`,
    `Moment    ${snapshot.times.snapshot}`,
    `Tiers     ${snapshot.tiers.join(", ")}`,
    ...(snapshot.kind === "storage"
      ? [
          `Holds     ${totals.objects} objects`,
          `Size      ${formatBytes(totals.rawBytes)}, sealed ${formatBytes(totals.sealedBytes)}`,
          `Made by   lifeboat ${versions.lifeboat}`,
        ]
      : [
          `Holds     ${totals.tables} tables, ${totals.rows} rows, ${totals.objects} large objects`,
          `Size      ${formatBytes(totals.rawBytes)}, sealed ${formatBytes(totals.sealedBytes)}`,
          `Made by   lifeboat ${versions.lifeboat}, server ${versions.server ?? "?"}, client ${versions.client ?? "?"}`,
        ]),
    `Sealed to ${snapshot.recipients.join(", ")}`,
    ...snapshot.files.map(
      (file) => `File      ${file.name}  ${file.header.length + file.payload.length} bytes`,
    ),
    ...limited(
      snapshot.packs.map(
        ({ id, rawBytes, liveBytes }) =>
          `Pack      ${id}  ${formatBytes(liveBytes)} of its ${formatBytes(rawBytes)} are this snapshot's`,
      ),
    ),
  ];
}

/** What only the key shows. */
export function describeContents(contents: Contents): readonly string[] {
  return [...tablesOf(contents), ...(contents.storage === undefined ? [] : bucketsOf(contents.storage))];
}

function tablesOf(contents: Contents): readonly string[] {
  return (contents.database?.tables ?? []).map(({ schema, name, kind, rows, hash, part }) => {
    const amount = rows === undefined ? kind : `${rows} rows`;
    return `Table     ${schema}.${name}  ${amount}${hash === undefined ? "" : `  ${hash}`}${part === undefined ? "" : `  in ${part}`}`;
  });
}

function bucketsOf(storage: StorageContents): readonly string[] {
  const { account, consistency, notCovered } = storage;
  const named = (title: string, objects: readonly { readonly bucket: string; readonly name: string }[]) =>
    limited(objects.map((object) => `${title.padEnd(9)} ${quoted(object)}`));
  return [
    ...storage.buckets.map(({ id, public: isPublic, fileSizeLimit, allowedMimeTypes }) =>
      [
        `Bucket    ${JSON.stringify(id)}`,
        isPublic ? "public" : "private",
        ...(fileSizeLimit === null ? [] : [`files up to ${formatBytes(fileSizeLimit)}`]),
        ...(allowedMimeTypes === null ? [] : [`only ${allowedMimeTypes.join(", ")}`]),
      ].join("  "),
    ),
    `Account   ${account.stored} fetched, ${account.carried} unchanged, ${account.vanished.length} vanished, ${account.failed.length} failed; listed by ${storage.listing}`,
    ...limited(
      account.failed.map((object) => `Failed    ${quoted(object)}  ${object.sentence} (${object.code})`),
    ),
    ...named("Vanished", account.vanished),
    ...named("No bytes", consistency?.rowsWithoutBytes ?? []),
    ...named("No row", consistency?.bytesWithoutRows ?? []),
    ...notCovered.map(({ kind, name }) => `Not here  ${JSON.stringify(name)} (${kind.toLowerCase()})`),
  ];
}

function quoted({ bucket, name }: { readonly bucket: string; readonly name: string }): string {
  return JSON.stringify(`${bucket}/${name}`);
}

function limited(lines: readonly string[]): readonly string[] {
  if (lines.length <= mostLines) return lines;
  return [...lines.slice(0, mostLines), `          … and ${lines.length - mostLines} more; --json has all.`];
}
