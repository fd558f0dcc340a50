import { optionalIdentities, snapshotChoice } from "../actions/snapshot-inputs.ts";
import { parseSource } from "../actions/source-name.ts";
import { storeInputs } from "../actions/surroundings.ts";
import { documentsInDoubt, listSnapshots, onlySource } from "../operations/list-snapshots.ts";
import { locateSnapshot } from "../operations/locate-snapshot.ts";
import { requireVouched } from "../operations/vouched-snapshot.ts";
import { readSealedContents } from "../operations/sealed-files.ts";
import { witnessInputs } from "../actions/trust-inputs.ts";
import { cliSurroundings } from "./cli-surroundings.ts";
import { describeContents, describeSnapshot, lineOf } from "./describe-snapshot.ts";
import {
  identityFromFile,
  needingStore,
  withKey,
  withSnapshot,
  withStore,
  withWitness,
} from "./flag-sets.ts";
import { terminalTrust } from "./terminal-trust.ts";
import type { CliCommand } from "./cli-command.ts";

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
    const source = await onlySource(store, inputs.source);
    const now = cli.clock.now();
    const overview = await listSnapshots(store, source, now);
    const inDoubt = await documentsInDoubt(store, source, now);
    const told = new Set(
      [...overview.findings, ...inDoubt].map(({ sentence, remedy }) => `${sentence} ${remedy}`),
    );
    for (const line of told) cli.logger.warning(line);
    const lines = overview.snapshots.map(lineOf);
    return {
      document: { ...overview, documents: inDoubt },
      text: lines.length === 0 ? `No snapshots of "${overview.source}".` : lines.join("\n"),
    };
  },
};

export const showCommand: CliCommand = {
  path: ["show"],
  summary: "show one snapshot; with the key also its tables, or its buckets and what failed",
  configure: (command) => withWitness(withKey(withSnapshot(command))),
  async run(cli, flags) {
    const inputs = cli.readInputs(
      identityFromFile(flags),
      needingStore(flags, (read) => ({
        store: storeInputs(read),
        source: read.optional.parsed("source", parseSource),
        choice: snapshotChoice(read),
        trust: { ...witnessInputs(read), signingKey: undefined },
        identities: optionalIdentities(read),
        postgresBin: undefined,
      })),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const { store } = surroundings;
    const source = await onlySource(store, inputs.source);
    const now = cli.clock.now();
    const located = await locateSnapshot(store, source, inputs.choice, now);
    await requireVouched(store, located, terminalTrust(inputs, surroundings), now);
    const { snapshot } = located;
    for (const { sentence, remedy } of await documentsInDoubt(store, source, now)) {
      cli.logger.warning(`${sentence} ${remedy}`);
    }
    const contents =
      inputs.identities === undefined
        ? undefined
        : await readSealedContents(store, snapshot, inputs.identities);
    return {
      document: { snapshot, contents },
      text: [
        ...describeSnapshot(snapshot),
        ...(contents === undefined ? [] : describeContents(contents)),
      ].join("\n"),
    };
  },
};
