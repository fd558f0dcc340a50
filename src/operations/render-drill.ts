/** A drill as a page for people and auditors: Markdown without names from inside the backup. */
import { recoveryWindows } from "../monitoring/recovery-point.ts";
import { durationInWords } from "../policy/durations.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import type { DrillReport, SourceDrill } from "./drill-report.ts";
import { inWords } from "./drill-words.ts";
import { compliance, expectationOf, notShown, signs } from "./drill-page.ts";
import { phases } from "./stopwatch.ts";

export function renderDrill(report: DrillReport): string {
  return [
    `# ${signs[report.verdict]} ${report.kind === "disaster" ? "Disaster" : "Restoration"} drill: ${report.verdict}`,
    facts(report),
    "## What was restored",
    restored(report),
    "## What was checked",
    checks(report),
    "## How long it took",
    ...times(report.sources),
    "## What would have been lost",
    ...points(report.sources),
    "## To follow up",
    followUp(report),
    "## Deviations from the procedure",
    deviations(report),
    "## What this drill does not show",
    notShown(report.kind)
      .map((line) => `- ${line}`)
      .join("\n"),
    "## Earlier drills",
    trend(report),
    "## Tools",
    tools(report),
    "## For auditors",
    table(["Requirement", "This drill shows", "It does not show"], compliance(report.kind)),
    "",
  ].join("\n\n");
}

function facts({ id, started, seconds, by, commit, store }: DrillReport): string {
  const who = by.run === undefined ? by.name : `${by.name}, in [this run](${by.run})`;
  return table(
    ["", ""],
    [
      ["Drill", `\`${id}\``],
      ["Began", moment(started)],
      ["Took", inWords(seconds * 1000)],
      ["By", who],
      ...(commit === undefined ? [] : [["Commit", `\`${commit}\``]]),
      ["Store", `\`${store}\``],
    ],
  );
}

function restored({ sources, undrilled }: DrillReport): string {
  const rows = sources.map(({ source, examined, ageSeconds, wantedAgeSeconds, recoveryTime }) => [
    source.name,
    examined.snapshot.kind,
    `\`${examined.snapshot.id}\``,
    moment(examined.snapshot.times.snapshot),
    inWords(ageSeconds * 1000) +
      (wantedAgeSeconds === undefined ? "" : ` (wanted: ${durationInWords(wantedAgeSeconds * 1000)})`),
    inWords(recoveryTime.seconds * 1000),
    `${signs[examined.verdict]} ${examined.verdict}`,
  ]);
  const failed = undrilled.map(({ source, finding }) => [
    source,
    "",
    "",
    "",
    "",
    "",
    `${signs.failed} not drilled: ${finding.publicSentence}`,
  ]);
  const heads = ["Source", "Kind", "Snapshot", "Data of", "Age", "Back after", "Verdict"];
  return table(heads, [...rows, ...failed]);
}

function checks({ sources, between }: DrillReport): string {
  const row = (name: string, component: ComponentVerdict, kind?: string): readonly string[] => [
    name,
    component.component,
    expectationOf(component, kind),
    foundOf(component),
    `${signs[component.verdict]} ${component.verdict}`,
  ];
  const rows = sources.flatMap(({ source, examined }) =>
    examined.components.map((component) => row(source.name, component, examined.snapshot.kind)),
  );
  const across = between.map((component) => row("between sources", component));
  return table(["Source", "Check", "Expected", "Found", "Verdict"], [...rows, ...across]);
}

function foundOf({ checked, findings }: ComponentVerdict): string {
  if (findings.length === 0) return checked === 0 ? "none there, none lost" : `all ${checked}`;
  const counts = new Map<string, number>();
  for (const { publicSentence } of findings)
    counts.set(publicSentence, (counts.get(publicSentence) ?? 0) + 1);
  const said = [...counts]
    .slice(0, 5)
    .map(([text, count]) => (count === 1 ? text : `${count} times: ${text}`));
  return [...said, ...(counts.size > 5 ? [`and ${counts.size - 5} more`] : [])].join(" · ");
}

function times(sources: readonly SourceDrill[]): readonly string[] {
  const rows = sources.flatMap(({ source, recoveryTime: { production, ...measured } }) => {
    const line = (
      what: string,
      of: { phases: Readonly<Record<string, number>>; seconds: number; isMet?: boolean },
    ) => [
      source.name,
      what,
      ...phases.map((phase) => inWords((of.phases[phase] ?? 0) * 1000)),
      inWords(of.seconds * 1000),
      objective(measured.objectiveSeconds, of.isMet),
    ];
    const grown =
      production === undefined ? [] : [line(`at production's ${megabytes(production.rawBytes)}`, production)];
    return [line("measured", measured), ...grown];
  });
  const method = sources.find(({ recoveryTime }) => recoveryTime.production !== undefined)?.recoveryTime
    .production;
  return [
    table(["Source", "", ...phases, "In all", "RTO"], rows),
    `Each phase is timed by itself, and a restore streams its files once more, so the sum is rather too long than too short.${
      method === undefined ? "" : ` ${method.method}`
    }`,
  ];
}

function points(sources: readonly SourceDrill[]): readonly string[] {
  const seconds = (value: number | undefined): string => (value === undefined ? "–" : inWords(value * 1000));
  const rows = sources.map(({ source, recoveryPoint }) => [
    source.name,
    seconds(recoveryPoint.atFailureSeconds),
    objective(recoveryPoint.objectiveSeconds, recoveryPoint.isMet),
    ...recoveryPoint.windows.flatMap(({ medianSeconds, p95Seconds, worstSeconds, gaps }) => [
      [medianSeconds, p95Seconds, worstSeconds].map(seconds).join(" / ") + ` (${gaps} gaps)`,
    ]),
  ]);
  return [
    table(
      [
        "Source",
        "Lost if all had failed when the drill began",
        "RPO",
        ...recoveryWindows.map((days) => `Gaps of ${days} days: median / p95 / worst`),
      ],
      rows,
    ),
    "A gap lies between the moments of two backups. Backups that prune removed count where a tombstone or the ledger remembers them.",
  ];
}

function followUp({ sources, undrilled, between }: DrillReport): string {
  const all: readonly (readonly [string, Finding])[] = [
    ...undrilled.map(({ source, finding }) => [source, finding] as const),
    ...sources.flatMap(({ source, findings, examined }) =>
      [...findings, ...examined.findings, ...examined.components.flatMap((one) => one.findings)].map(
        (finding) => [source.name, finding] as const,
      ),
    ),
    ...between.flatMap((one) => one.findings.map((finding) => ["between sources", finding] as const)),
  ];
  const lines = new Set(
    all
      .filter(([, { level }]) => level !== "info")
      .map(
        ([name, { code, publicSentence, remedy }]) => `- ${name}, \`${code}\`: ${publicSentence} ${remedy}`,
      ),
  );
  return lines.size === 0 ? "Nothing." : [...lines].join("\n");
}

function deviations({ sources }: DrillReport): string {
  const lines = sources.flatMap(({ source, deviations: own }) =>
    own.map((one) => `- ${source.name}: ${one}`),
  );
  return lines.length === 0 ? "None." : lines.join("\n");
}

function trend({ sources, kind }: DrillReport): string {
  const rows = sources.flatMap(({ source, past, recoveryTime, examined }) => {
    const earlier = past.filter((one) => one.kind === kind && one.isTrusted).slice(-8);
    if (earlier.length === 0) return [];
    return [
      ...earlier.map((one) => [
        source.name,
        moment(one.time.toISOString()),
        inWords(one.seconds * 1000),
        one.verdict,
      ]),
      [source.name, "this one", inWords(recoveryTime.seconds * 1000), examined.verdict],
    ];
  });
  return rows.length === 0
    ? "This is the first of its kind in this store."
    : table(["Source", "When", "Back after", "Verdict"], rows);
}

function tools({ sources }: DrillReport): string {
  const lines = new Set(
    sources.flatMap((one) => Object.entries(one.tools).map(([name, version]) => `- ${name}: ${version}`)),
  );
  return lines.size === 0 ? "None came to work." : [...lines].join("\n");
}

function objective(seconds: number | undefined, isMet: boolean | undefined): string {
  if (seconds === undefined || isMet === undefined) return "no objective";
  return `${durationInWords(seconds * 1000)}: ${isMet ? "met" : "**missed**"}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s+/g, " ")).join(" | ")} |`;
  if (rows.length === 0) return "Nothing.";
  return [line(heads), `|${heads.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

function moment(iso: string): string {
  return `${iso.slice(0, 19).replace("T", " ")} UTC`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
