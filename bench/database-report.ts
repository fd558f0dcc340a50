/** The database bench as Markdown: every contender's figures, then what design section 12 promises and whether it holds. */
import type { DatabaseRun } from "./database.ts";
import { table } from "./readme-section.ts";
import type { Rounds } from "./rounds.ts";
import { median, medianRatio, ratioText } from "./statistics.ts";

const words: readonly (readonly [name: string, words: string])[] = [
  ["limit", "`pg_dump -Fc -Z0 > /dev/null`, the limit of one connection"],
  ["parts, one job", "Lifeboat, parts only, `--jobs 1`"],
  ["parts", "Lifeboat, parts only"],
  ["counts, one job", "Lifeboat with exact counts, `--jobs 1`"],
  ["counts", "**Lifeboat with exact counts**"],
  ["hash queries", "the content-hash queries alone, one connection"],
  ["hashes, one job", "Lifeboat with content hashes, `--jobs 1`"],
  ["hashes", "**Lifeboat with content hashes**"],
  ["stock pipe", "`pg_dump -Fc -Z0 \\| zstd -3 -T0 \\| age -r …`, the stock pipe"],
  ["old without gpg", "the old `pg_dump > file.sql; gzip file.sql`"],
  ["old", "the same, then `gpg --symmetric`"],
  ["restore, counts compared", "**Lifeboat restore, two jobs**, counts compared afterwards"],
  ["restore, hashes compared", "Lifeboat restore, two jobs, contents compared afterwards"],
  ["old restore", "the old `createdb; gunzip -c \\| psql`"],
];

export function renderDatabaseReport(run: DatabaseRun): string {
  const { rounds, shop } = run;
  const missing = run.missingTools.map((tool) => `${tool} is not installed: what needs it was left out.`);
  return [
    `\`${run.command}\`, ${run.date}. ${run.machine}. The database: ${shop.tables} tables, ${shop.rows} rows, ` +
      `${shop.tableMb} MB of rows and ${shop.indexMb} MB of indexes; server and clients share the machine. ` +
      `Medians of ${roundCount(rounds)} interleaved rounds; behind each ratio the range of its middle half. ${missing.join(" ")}`,
    figures(rounds),
    promises(rounds),
  ].join("\n\n");
}

function figures(rounds: Rounds): string {
  const rows = words
    .filter(([name]) => rounds.has(name))
    .map(([name, described]) => {
      const yardstick = name.includes("restore") ? "old restore" : "limit";
      return [
        described,
        median(seconds(rounds, name)).toFixed(1),
        name === yardstick ? "1" : ratioText(seconds(rounds, name), seconds(rounds, yardstick)),
        megabytes(rounds, name),
        mebibytes(rounds, name, "peakMiB"),
        mebibytes(rounds, name, "childrenPeakMiB"),
      ];
    });
  return table(
    ["", "s", "times the limit (restore: the old one)", "result, MB", "peak, MiB", "children, MiB"],
    rows,
  );
}

function promises(rounds: Rounds): string {
  const of = (name: string): readonly number[] => seconds(rounds, name);
  const hashLimit = of("limit").map((limit, round) => limit + (of("hash queries")[round] ?? Number.NaN));
  const rows = [
    atMost("parts only, against the limit", 1.1, of("parts"), of("limit")),
    ...(rounds.has("stock pipe")
      ? [compared("the same, against the stock pipe", of("parts"), of("stock pipe"))]
      : []),
    atMost("with exact counts, against the limit", 1.3, of("counts"), of("limit")),
    atMost(
      "with content hashes, against the limit plus the hash queries alone",
      1.1,
      of("hashes"),
      hashLimit,
    ),
    atLeast("faster with counts than the old pg_dump; gzip; gpg", 4, of("old"), of("counts")),
    atLeast("faster with hashes than the old pg_dump; gzip; gpg", 2.5, of("old"), of("hashes")),
    atLeast(
      "restore faster with two jobs than the old one, counts compared",
      1.5,
      of("old restore"),
      of("restore, counts compared"),
    ),
    atLeast("the same, contents compared", 1.5, of("old restore"), of("restore, hashes compared")),
    memoryPromise(rounds),
  ];
  return table(["promise", "promised", "measured", "holds"], rows);
}

function atMost(
  what: string,
  limit: number,
  ours: readonly number[],
  theirs: readonly number[],
): readonly string[] {
  const holds = medianRatio(ours, theirs) <= limit;
  return [what, `≤ ${limit.toFixed(2)}×`, `${ratioText(ours, theirs)}×`, verdict(holds)];
}

function compared(what: string, ours: readonly number[], theirs: readonly number[]): readonly string[] {
  return [what, "", `${ratioText(ours, theirs)}×`, ""];
}

function atLeast(
  what: string,
  limit: number,
  theirs: readonly number[],
  ours: readonly number[],
): readonly string[] {
  const holds = medianRatio(theirs, ours) >= limit;
  return [what, `≥ ${limit.toFixed(1)}×`, `${ratioText(theirs, ours)}×`, verdict(holds)];
}

const promisedMiB = 200;

function memoryPromise(rounds: Rounds): readonly string[] {
  const peaks = ["counts, one job", "counts", "hashes, one job", "hashes"].flatMap((name) =>
    values(rounds, name, "peakMiB"),
  );
  const highest = Math.max(...peaks);
  return [
    "node's peak memory, any backup of any round",
    `≤ ${promisedMiB} MiB`,
    `${highest.toFixed(0)} MiB`,
    verdict(highest <= promisedMiB),
  ];
}

function verdict(holds: boolean): string {
  return holds ? "yes" : "**no**";
}

function seconds(rounds: Rounds, name: string): readonly number[] {
  return (rounds.get(name) ?? []).map((outcome) => outcome.seconds);
}

function values(
  rounds: Rounds,
  name: string,
  of: "peakMiB" | "childrenPeakMiB" | "resultBytes",
): readonly number[] {
  return (rounds.get(name) ?? []).map((outcome) => outcome[of]).filter((value) => value !== undefined);
}

function megabytes(rounds: Rounds, name: string): string {
  const sizes = values(rounds, name, "resultBytes");
  return sizes.length === 0 ? "" : (median(sizes) / 1e6).toFixed(0);
}

/** The highest of all rounds: a peak is no average. */
function mebibytes(rounds: Rounds, name: string, of: "peakMiB" | "childrenPeakMiB"): string {
  const peaks = values(rounds, name, of);
  return peaks.length === 0 ? "" : Math.max(...peaks).toFixed(0);
}

function roundCount(rounds: Rounds): number {
  return rounds.get("limit")?.length ?? 0;
}
