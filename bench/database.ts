/** Backups and restores of one database against the limit of a connection, the stock tools and the old procedure. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  backupContenders,
  isInstalled,
  restoreContenders,
  type RestoreSource,
} from "./database-contenders.ts";
import { renderDatabaseReport } from "./database-report.ts";
import { measure } from "./measured-process.ts";
import { machineFacts, replaceSection, todaysDate } from "./readme-section.ts";
import { inRounds, type Rounds } from "./rounds.ts";
import { createShop, type ShopDatabase } from "./shop-database.ts";
import { openWorkbench, type Workbench } from "./workbench.ts";

export interface DatabaseRun {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly shop: ShopDatabase;
  readonly rounds: Rounds;
  readonly missingTools: readonly string[];
}

export async function benchDatabase(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      "size-mb": { type: "string", default: "1000" },
      pairs: { type: "string", default: "7" },
      json: { type: "string" },
    },
  });
  const [sizeMb, pairs] = [Number(values["size-mb"]), Number(values.pairs)];
  const run = await measureDatabase(sizeMb, pairs, async (rounds) => {
    if (values.json === undefined) return;
    await writeFile(values.json, JSON.stringify(Object.fromEntries(rounds), undefined, 2));
  });
  const markdown = renderDatabaseReport(run);
  await replaceSection("database", markdown);
  console.log(markdown);
}

async function measureDatabase(
  sizeMb: number,
  pairs: number,
  keep: (rounds: Rounds) => Promise<void>,
): Promise<DatabaseRun> {
  await using bench = await openWorkbench();
  console.error(`Filling a database of ${sizeMb} MB …`);
  const shop = await createShop(bench.server, { sizeMb, indexes: true });
  console.error(
    `${shop.tables} tables, ${shop.rows} rows, ${shop.tableMb} MB and ${shop.indexMb} MB of indexes.`,
  );
  const contenders = [
    ...backupContenders(bench, shop.name),
    ...restoreContenders(bench, await restoreSources(bench, shop.name)),
  ];
  const rounds = await inRounds(contenders, { pairs, warmUp: ["limit", "counts"], keep });
  const tools = ["age", "gpg"].filter((program) => !isInstalled(program));
  return {
    command: `npm run bench -- database --size-mb ${sizeMb} --pairs ${pairs}`,
    date: todaysDate(),
    machine: machineFacts([
      ["postgres", "--version"],
      ["zstd", "--version"],
      ["age", "--version"],
      ["gpg", "--version"],
    ]),
    shop,
    rounds,
    missingTools: tools,
  };
}

/** One snapshot with counts and one with hashes, and the old procedure's file. */
async function restoreSources(
  bench: Workbench,
  database: string,
): Promise<Readonly<Record<string, RestoreSource>>> {
  const sqlGz = join(bench.folder, "kept.sql.gz");
  await measure({
    program: "/bin/bash",
    args: ["-euo", "pipefail", "-c", `pg_dump --no-password | gzip -1 > ${sqlGz}`],
    env: { ...bench.env, PGDATABASE: database },
  });
  const sources: Record<string, RestoreSource> = {};
  for (const [name, hashes] of [
    ["restore, counts compared", "never"],
    ["restore, hashes compared", "always"],
  ] as const) {
    await bench.backUp(database, ["--content-hashes", hashes]);
    const store = join(bench.folder, `kept-${hashes}`);
    await rename(bench.store, store);
    await mkdir(bench.store);
    sources[name] = { store, sqlGz };
  }
  return sources;
}
