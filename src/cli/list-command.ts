import { optionalIdentities, snapshotChoice } from "../actions/snapshot-inputs.ts";
import { parseSource } from "../actions/backup-inputs.ts";
import { storeInputs } from "../actions/surroundings.ts";
import { listSnapshots, onlySource, type OverviewEntry } from "../operations/list-snapshots.ts";
import { locateSnapshot } from "../operations/locate-snapshot.ts";
import { readSealedContents } from "../operations/sealed-files.ts";
import type { Contents } from "../snapshot/contents.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { cliSurroundings } from "./cli-surroundings.ts";
import { identityFromFile, needingStore, withKey, withSnapshot, withStore } from "./flag-sets.ts";
import type { CliCommand } from "./cli-command.ts";
import { formatBytes } from "./terminal.ts";

export const listCommand: CliCommand = {
  path: ["list"],
  summary: "list the snapshots of a source; needs no key",
  configure: (command) => withStore(command),
  async run(cli, flags) {
    const inputs = cli.readInputs(
      flags,
      needingStore(flags, (read) => ({
        store: storeInputs(read),
        source: read.optional.parsed("source", parseSource),
        postgresBin: undefined,
      })),
    );
    const { store } = await cliSurroundings(cli, inputs);
    const overview = await listSnapshots(store, await onlySource(store, inputs.source));
    for (const { sentence, remedy } of overview.findings) cli.logger.warning(`${sentence} ${remedy}`);
    const lines = overview.snapshots.map(lineOf);
    return {
      document: overview,
      text: lines.length === 0 ? `No snapshots of "${overview.source}".` : lines.join("\n"),
    };
  },
};

function lineOf({ id, snapshot, problem, expiresAt }: OverviewEntry): string {
  if (snapshot === undefined) return `${id}  DAMAGED  ${problem ?? ""}`;
  const { tables, rows, sealedBytes } = snapshot.totals;
  const expiry = expiresAt === undefined ? "" : `  until ${expiresAt.slice(0, 10)}`;
  const tiers = snapshot.tiers.join(",");
  return `${id}  ${tiers}  ${snapshot.state}  ${tables} tables  ${rows} rows  ${formatBytes(sealedBytes)}${expiry}`;
}

export const showCommand: CliCommand = {
  path: ["show"],
  summary: "show one snapshot; with the key also its tables",
  configure: (command) => withKey(withSnapshot(command)),
  async run(cli, flags) {
    const inputs = cli.readInputs(
      identityFromFile(flags),
      needingStore(flags, (read) => ({
        store: storeInputs(read),
        source: read.optional.parsed("source", parseSource),
        choice: snapshotChoice(read),
        identities: optionalIdentities(read),
        postgresBin: undefined,
      })),
    );
    const { store } = await cliSurroundings(cli, inputs);
    const { snapshot } = await locateSnapshot(store, await onlySource(store, inputs.source), inputs.choice);
    const contents =
      inputs.identities === undefined
        ? undefined
        : await readSealedContents(store, snapshot, inputs.identities);
    return {
      document: { snapshot, contents },
      text: [...describe(snapshot), ...tablesOf(contents)].join("\n"),
    };
  },
};

function describe(snapshot: SnapshotJson): readonly string[] {
  const { totals, versions } = snapshot;
  return [
    `Snapshot  ${snapshot.id} (${snapshot.state}) of ${snapshot.kind} "${snapshot.source}"`,
    `Moment    ${snapshot.times.snapshot}`,
    `Tiers     ${snapshot.tiers.join(", ")}`,
    `Holds     ${totals.tables} tables, ${totals.rows} rows, ${totals.objects} large objects`,
    `Size      ${formatBytes(totals.rawBytes)}, sealed ${formatBytes(totals.sealedBytes)}`,
    `Made by   lifeboat ${versions.lifeboat}, server ${versions.server ?? "?"}, client ${versions.client ?? "?"}`,
    `Sealed to ${snapshot.recipients.join(", ")}`,
    ...snapshot.files.map(
      (file) => `File      ${file.name}  ${file.header.length + file.payload.length} bytes`,
    ),
  ];
}

function tablesOf(contents: Contents | undefined): readonly string[] {
  return (contents?.database?.tables ?? []).map(({ schema, name, kind, rows, hash, part }) => {
    const amount = rows === undefined ? kind : `${rows} rows`;
    return `Table     ${schema}.${name}  ${amount}${hash === undefined ? "" : `  ${hash}`}${part === undefined ? "" : `  in ${part}`}`;
  });
}
