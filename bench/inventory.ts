/** A backup of a million objects of which none has changed: listing, comparison, a new index; time and peak memory. */
import { parseArgs } from "node:util";
import { generatedRowsSql } from "../test/fakes/storage/rows-generated.ts";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startServer } from "../test/support/servers.ts";
import { writeEarlierSnapshot } from "./earlier-snapshot.ts";
import { machineFacts, replaceSection, table, todaysDate } from "./readme-section.ts";
import { quietServer } from "./shop-database.ts";
import { startStandIn } from "./stand-in.ts";
import { median } from "./statistics.ts";
import { openStorageBench, type StorageBench } from "./storage-bench.ts";

const promised = { seconds: 30, peakMiB: 300 };

interface Way {
  readonly words: string;
  readonly flags: readonly string[];
  readonly latencyMs: number;
}

const sql = ["--database-url", "env:BENCH_DATABASE"];
const ways: readonly Way[] = [
  { words: "list-v2", flags: [], latencyMs: 0 },
  { words: "list-v2, 20 ms a request", flags: [], latencyMs: 20 },
  { words: "SQL, list-v2 beside it", flags: sql, latencyMs: 0 },
];

export async function benchInventory(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: { objects: { type: "string", default: "1000000" }, runs: { type: "string", default: "3" } },
  });
  const objects = Number(values.objects);
  const rows: (readonly string[])[] = [];
  {
    await using bench = await openStorageBench();
    const server = await startServer(15, { settings: quietServer });
    await using stopping = new AsyncDisposableStack();
    stopping.defer(() => server.stop());
    await server.createDatabase("project");
    const schema = await readFile(
      join(import.meta.dirname, "../test/fakes/storage/storage-schema.sql"),
      "utf8",
    );
    await server.sql("project", schema);
    await server.sql("project", generatedRowsSql(objects));
    await server.sql("project", "vacuum analyze storage.objects");
    console.error(`${objects} rows are filled.`);
    const database = server.url("project");
    for (const way of ways) {
      rows.push(await measureWay(bench, database, way, objects, Number(values.runs)));
      // At once, so that a run that is cut short leaves its figures.
      await report(rows, objects, values.runs);
    }
  }
}

async function report(rows: readonly (readonly string[])[], objects: number, runs: string): Promise<void> {
  const head = [
    "objects listed by",
    "s",
    "CPU, s",
    `≤ ${promised.seconds} s`,
    "node's peak, MiB",
    `≤ ${promised.peakMiB} MiB`,
  ];
  const markdown = [
    `\`npm run bench -- inventory --objects ${objects} --runs ${runs}\`, ${todaysDate()}. ` +
      `${machineFacts([["postgres", "--version"]])}. ` +
      `The whole command, in which ${objects} objects are listed, compared with the index of the snapshot before and carried ` +
      `over, and the new index is sealed, stored and read back. Median of ${runs} runs, and the highest peak of them.`,
    table([...head, "children, MiB"], rows),
  ].join("\n\n");
  await replaceSection("inventory", markdown);
  console.log(markdown);
}

async function measureWay(
  bench: StorageBench,
  database: string,
  { words, flags, latencyMs }: Way,
  objects: number,
  runs: number,
): Promise<readonly string[]> {
  await using project = await startStandIn({ generated: objects, latencyMs });
  const store = await bench.newFolder(words.replaceAll(/\W/g, "-"));
  await writeEarlierSnapshot({ ...bench, store, objects });
  const measured = [];
  for (let run = 0; run < runs; run++) {
    const one = await bench.backUp(project, store, flags, { BENCH_DATABASE: database });
    if (one.answer.account.carried !== objects) {
      throw new Error(`${one.answer.account.carried} of ${objects} objects were carried over.`);
    }
    measured.push(one);
  }
  const seconds = median(measured.map((one) => one.seconds));
  const peakMiB = Math.max(...measured.map((one) => one.peakMiB));
  const children = Math.max(...measured.map((one) => one.childrenPeakMiB));
  const holds = (does: boolean): string => (does ? "yes" : "**no**");
  const row = [
    words,
    seconds.toFixed(1),
    median(measured.map((one) => one.cpuSeconds)).toFixed(1),
    holds(seconds <= promised.seconds),
    peakMiB.toFixed(0),
    holds(peakMiB <= promised.peakMiB),
    children.toFixed(0),
  ];
  console.error(row.join(" | "));
  return row;
}
