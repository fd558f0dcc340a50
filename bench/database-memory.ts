/** Node's peak memory over the size of a database: it must not grow with it. */
import { parseArgs } from "node:util";
import { machineFacts, replaceSection, table, todaysDate } from "./readme-section.ts";
import { createShop } from "./shop-database.ts";
import { openWorkbench, type Workbench } from "./workbench.ts";

const promisedMiB = 200;

export async function benchDatabaseMemory(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: { "sizes-mb": { type: "string", default: "1000,10000" } },
  });
  const rows: (readonly string[])[] = [];
  {
    await using bench = await openWorkbench();
    for (const size of values["sizes-mb"].split(",").map(Number))
      rows.push(...(await measureSize(bench, size)));
  }
  const command = `npm run bench -- database-memory --sizes-mb ${values["sizes-mb"]}`;
  const markdown = [
    `\`${command}\`, ${todaysDate()}. ${machineFacts([
      ["postgres", "--version"],
      ["zstd", "--version"],
    ])}. One run each; ` + "VmHWM of the node process, and the sum of its children's own.",
    table(
      [
        "rows and TOAST, MB",
        "content hashes",
        "node, MiB",
        `≤ ${promisedMiB} MiB`,
        "children, MiB",
        "sealed, MB",
        "s",
      ],
      rows,
    ),
  ].join("\n\n");
  await replaceSection("database-memory", markdown);
  console.log(markdown);
}

async function measureSize(bench: Workbench, sizeMb: number): Promise<readonly (readonly string[])[]> {
  console.error(`Filling a database of ${sizeMb} MB …`);
  const shop = await createShop(bench.server, { sizeMb, indexes: false });
  const rows: string[][] = [];
  for (const hashes of ["never", "always"]) {
    const measured = await bench.backUp(shop.name, ["--content-hashes", hashes]);
    await bench.emptyStore();
    const { snapshot } = JSON.parse(measured.stdout) as { snapshot: { totals: { sealedBytes: number } } };
    rows.push([
      String(shop.tableMb),
      hashes === "never" ? "off" : "on",
      measured.peakMiB.toFixed(0),
      measured.peakMiB <= promisedMiB ? "yes" : "**no**",
      measured.childrenPeakMiB.toFixed(0),
      (snapshot.totals.sealedBytes / 1e6).toFixed(0),
      measured.seconds.toFixed(1),
    ]);
    console.error(rows.at(-1)?.join(" | "));
  }
  await bench.server.sql("postgres", `drop database ${shop.name}`);
  return rows;
}
