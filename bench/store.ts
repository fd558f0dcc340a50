/** `npm run bench -- store`: how stores and the decisions about them grow, and how fast a bucket takes a file. */
import { parseArgs } from "node:util";
import { machineFacts, replaceSection, table, todaysDate } from "./readme-section.ts";
import { median } from "./statistics.ts";
import { measureGrowth } from "./store-growth.ts";
import { measureThroughput } from "./store-throughput.ts";

export async function benchStore(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "size-mb": { type: "string", default: "200" },
      rounds: { type: "string", default: "5" },
      /** A folder and a file for each snapshot: 100,000 take minutes to make. */
      "list-up-to": { type: "string", default: "100000" },
    },
  });
  const [megabytes, rounds] = [Number(values["size-mb"]), Number(values.rounds)];
  const rows: string[][] = [];
  for (const count of [100, 1000, 10_000, 100_000]) {
    const { listMs, planMs, decideMs } = await measureGrowth(count, rounds, Number(values["list-up-to"]));
    const row = [listMs, planMs, decideMs].map((ms) =>
      ms === undefined ? "not measured" : `${ms.toFixed(1)} ms`,
    );
    rows.push([String(count), ...row]);
    console.log(rows.at(-1)?.join("  "));
  }
  const speeds = await measureThroughput(megabytes, rounds);
  const [ours] = speeds;
  const speedRows = speeds.map(({ contender, rates }) => [
    contender,
    rates === undefined ? "not installed" : `${median(rates).toFixed(0)} MB/s`,
    rates === undefined || ours?.rates === undefined ? "" : (median(ours.rates) / median(rates)).toFixed(2),
  ]);
  const command = `npm run bench -- store --size-mb ${megabytes} --rounds ${rounds} --list-up-to ${values["list-up-to"]}`;
  await replaceSection(
    "store",
    [
      `\`${command}\`, ${todaysDate()}. ${machineFacts([
        ["aws", "--version"],
        ["rclone", "version"],
      ])}. Medians of ${rounds} rounds.`,
      table(["snapshots", "list a folder, parse", "plan (what is due)", "prune's decision"], rows),
      table([`${megabytes} MiB into versitygw on the same machine`, "rate", "ours / it"], speedRows),
    ].join("\n\n"),
  );
  console.log(speedRows.map((row) => row.join("  ")).join("\n"));
}
