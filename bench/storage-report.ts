/** The storage bench as Markdown: every contender's figures, then what is promised and whether it holds. */
import { table } from "./readme-section.ts";
import type { Rounds } from "./rounds.ts";
import { median, medianRatio, ratioText } from "./statistics.ts";
import type { StorageRace } from "./storage.ts";
import type { Load } from "./storage-contenders.ts";

export interface StorageRun {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly hasStockTools: boolean;
  readonly races: readonly StorageRace[];
}

const words: readonly (readonly [name: string, against: string, words: string])[] = [
  ["old", "old", "the old loop, one object after the other"],
  ["first, 8", "old", "**Lifeboat, first backup**, `--jobs 8`"],
  ["first, 32", "old", "**Lifeboat, first backup**, `--jobs 32`"],
  ["changed", "first, 8", "**Lifeboat, 1 % changed**, `--jobs 8`"],
  ["rclone and restic", "old", "`rclone sync` of the same files, then `restic backup`, no network"],
  ["old restore", "old restore", "the old restore loop"],
  ["restore", "old restore", "**Lifeboat restore**, `--jobs 8`, everything read back and compared"],
];

export function renderStorageReport({ command, date, machine, hasStockTools, races }: StorageRun): string {
  const rounds = Math.max(...races.map((race) => race.rounds.values().next().value?.length ?? 0));
  return [
    `\`${command}\`, ${date}. ${machine}. Client and stand-in share the machine, each in its own process. ` +
      `Medians of ${rounds} interleaved rounds; behind each ratio the range of its middle half.` +
      (hasStockTools ? "" : " rclone and restic are not both installed: their line was left out."),
    table(
      ["objects", "latency", "", "s", "CPU, s", "times faster", "than", "node's peak, MiB"],
      races.flatMap(figures),
    ),
    promises(races),
  ].join("\n\n");
}

function figures({ load, rounds }: StorageRace): readonly (readonly string[])[] {
  return words
    .filter(([name]) => rounds.has(name))
    .map(([name, against, described]) => [
      `${load.objects} × ${load.size >= 1e6 ? `${load.size / 1e6} MB` : `${load.size / 1000} KB`}`,
      `${load.latencyMs} ms`,
      described,
      median(seconds(rounds, name)).toFixed(2),
      median((rounds.get(name) ?? []).map((outcome) => outcome.cpuSeconds ?? Number.NaN)).toFixed(2),
      name === against || !rounds.has(against)
        ? ""
        : ratioText(seconds(rounds, against), seconds(rounds, name)),
      name === against || !rounds.has(against) ? "" : against,
      Math.max(...peaks(rounds, name)).toFixed(0),
    ]);
}

function promises(races: readonly StorageRace[]): string {
  const slow = races.find(({ load }) => load.latencyMs === 20 && isSmall(load));
  if (slow === undefined) return "";
  const rows = [
    atLeast(slow.rounds, "first backup at 20 ms faster than the old loop, 8 at once", 6, "old", "first, 8"),
    atLeast(slow.rounds, "the same, 32 at once", 20, "old", "first, 32"),
    atLeast(
      slow.rounds,
      "1 % changed faster than our first backup, both 8 at once",
      50,
      "first, 8",
      "changed",
    ),
  ];
  return [
    "With 1 % changed, each round proves that exactly those objects, and no other byte of an object, were fetched.",
    table(["promise", "promised", "measured", "holds"], rows.flat()),
  ].join("\n\n");
}

function isSmall({ size }: Load): boolean {
  return size < 1e6;
}

function atLeast(
  rounds: Rounds,
  what: string,
  limit: number,
  theirs: string,
  ours: string,
): readonly (readonly string[])[] {
  if (!rounds.has(theirs) || !rounds.has(ours)) return [];
  const [slower, faster] = [seconds(rounds, theirs), seconds(rounds, ours)];
  const holds = medianRatio(slower, faster) >= limit;
  return [[what, `≥ ${limit}×`, `${ratioText(slower, faster)}×`, holds ? "yes" : "**no**"]];
}

function seconds(rounds: Rounds, name: string): readonly number[] {
  return (rounds.get(name) ?? []).map((outcome) => outcome.seconds);
}

function peaks(rounds: Rounds, name: string): readonly number[] {
  return (rounds.get(name) ?? []).map((outcome) => outcome.peakMiB ?? 0);
}
