/** Backups and restores of buckets against the old procedure's loop, at two latencies, small objects and big ones. */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { machineFacts, replaceSection, todaysDate } from "./readme-section.ts";
import { inRounds, type Rounds } from "./rounds.ts";
import { openStorageBench } from "./storage-bench.ts";
import { hasStockTools, type Load, startRace } from "./storage-contenders.ts";
import { renderStorageReport } from "./storage-report.ts";

export interface StorageRace {
  readonly load: Load;
  readonly rounds: Rounds;
}

const megabyte = 1e6;

/** Small enough to end in some minutes; `--full` is what the promises are about. */
const sizes = {
  usual: { small: { objects: 1000, size: 20_000 }, big: { objects: 4, size: 50 * megabyte } },
  full: { small: { objects: 10_000, size: 20_000 }, big: { objects: 20, size: 200 * megabyte } },
};

export async function benchStorage(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      full: { type: "boolean", default: false },
      objects: { type: "string" },
      "big-objects": { type: "string" },
      "big-mb": { type: "string" },
      pairs: { type: "string", default: "3" },
      latencies: { type: "string", default: "0,20" },
      only: { type: "string" },
      section: { type: "string", default: "storage" },
      json: { type: "string" },
    },
  });
  const { small, big } = values.full ? sizes.full : sizes.usual;
  const shapes = [
    { ...small, objects: Number(values.objects ?? small.objects) },
    {
      objects: Number(values["big-objects"] ?? big.objects),
      size: Number(values["big-mb"] ?? big.size / megabyte) * megabyte,
    },
  ].filter(({ objects }) => objects > 0);
  const latencies = values.latencies.split(",").map(Number);
  const only = values.only?.split(";");
  const pairs = Number(values.pairs);
  const races: StorageRace[] = [];
  await using bench = await openStorageBench();
  for (const shape of shapes) {
    for (const latencyMs of latencies) {
      const load = { ...shape, latencyMs };
      console.error(`${load.objects} objects of ${load.size} bytes, ${latencyMs} ms …`);
      await using race = await startRace(bench, load);
      const contenders = race.contenders.filter(({ name }) => only === undefined || only.includes(name));
      const rounds = await inRounds(contenders, { pairs, warmUp: [], keep: async () => {} });
      races.push({ load, rounds });
      if (values.json !== undefined) {
        const document = races.map((one) => ({ ...one, rounds: Object.fromEntries(one.rounds) }));
        await writeFile(values.json, JSON.stringify(document, undefined, 2));
      }
    }
  }
  const markdown = renderStorageReport({
    command: ["npm run bench -- storage", ...argv.map((one) => (/[ ;]/.test(one) ? `"${one}"` : one))].join(
      " ",
    ),
    date: todaysDate(),
    machine: machineFacts([
      ["zstd", "--version"],
      ["rclone", "version"],
      ["restic", "version"],
    ]),
    hasStockTools: hasStockTools(),
    races,
  });
  await replaceSection(values.section, markdown);
  console.log(markdown);
}
