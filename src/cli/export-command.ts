import { randomBytes } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { link, unlink } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { parseSource } from "../actions/source-name.ts";
import { optionalIdentities, snapshotChoice } from "../actions/snapshot-inputs.ts";
import { storeInputs } from "../actions/surroundings.ts";
import { LifeboatError } from "../errors.ts";
import { exportSchema } from "../operations/export-schema.ts";
import { onlySource } from "../operations/list-snapshots.ts";
import { locateSnapshot } from "../operations/locate-snapshot.ts";
import { requireVouched } from "../operations/vouched-snapshot.ts";
import { witnessInputs } from "../actions/trust-inputs.ts";
import { cliSurroundings } from "./cli-surroundings.ts";
import {
  identityFromFile,
  needingStore,
  withKey,
  withPostgres,
  withSnapshot,
  withWitness,
} from "./flag-sets.ts";
import { terminalTrust } from "./terminal-trust.ts";
import type { CliCommand } from "./cli-command.ts";

export const exportCommand: CliCommand = {
  path: ["export", "schema"],
  summary: "write the schema of a snapshot as SQL, without rows",
  configure: (command) =>
    withWitness(withPostgres(withKey(withSnapshot(command)))).option(
      "--out <file>",
      "where to write it; must not exist",
    ),
  async run(cli, flags) {
    const inputs = cli.readInputs(
      identityFromFile(flags),
      needingStore(flags, (read) => {
        const identities = optionalIdentities(read);
        if (identities === undefined) {
          read.problem("identity-file", "the schema is sealed.", "Give the identity, or --passphrase.");
        }
        return {
          store: storeInputs(read),
          source: read.optional.parsed("source", parseSource),
          choice: snapshotChoice(read),
          trust: { ...witnessInputs(read), signingKey: undefined },
          identities,
          out: read.parsed("out", parseNewFile),
          postgresBin: read.optional.string("postgres-bin"),
        };
      }),
    );
    const { identities, out } = inputs;
    if (identities === undefined) throw new LifeboatError("unexpected", "The identity was not read.");
    const surroundings = await cliSurroundings(cli, inputs);
    const { store } = surroundings;
    const source = await onlySource(store, inputs.source, "database");
    const located = await locateSnapshot(store, source, inputs.choice, cli.clock.now());
    await requireVouched(store, located, terminalTrust(inputs, surroundings), cli.clock.now());
    const { snapshot } = located;
    const unfinished = `${out}.${randomBytes(6).toString("hex")}.unfinished`;
    try {
      const file = createWriteStream(unfinished, { flags: "wx", mode: 0o600 });
      await pipeline(exportSchema(snapshot, identities, surroundings), file);
      // Unlike a rename, this never replaces a file that somebody made meanwhile.
      await link(unfinished, out);
    } finally {
      await unlink(unfinished).catch(() => {});
    }
    return {
      document: { snapshot: snapshot.id, file: out },
      text: `The schema of ${snapshot.id} is in ${out}.`,
    };
  },
};

function parseNewFile(path: string): string {
  if (!existsSync(path)) return path;
  throw new LifeboatError("input-invalid", "there is a file of that name.", {
    hint: "Name one that does not exist, or remove it first.",
  });
}
