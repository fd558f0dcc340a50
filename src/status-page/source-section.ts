/** Everything about one source: where it stands, its calendars, its recovery point and time, its sizes, its checks. */
import type { Calendar } from "../policy/calendar.ts";
import { durationInWords, paceInWords } from "../policy/durations.ts";
import type { ObservedDrill } from "../snapshot/drill-evidence.ts";
import type { Verdict } from "../verification/findings.ts";
import { tierCalendars } from "./calendar-cells.ts";
import { calendarTable } from "./calendar.ts";
import { chartWindows } from "./chart-points.ts";
import { charts } from "./chart.ts";
import { markup, type Html } from "./markup.ts";
import type { StatusSource } from "./report.ts";
import { badge } from "./state.ts";
import { briefly, bytesInWords, counted, minutesOf } from "./words.ts";

interface Surroundings {
  readonly calendar: Calendar;
  readonly now: Date;
  /** Without calendars, charts and checks: so many sources would make a file that no phone opens. */
  readonly isShort: boolean;
}

const mostChecks = 12;

export function anchorOf(name: string): string {
  return `source-${name}`;
}

export function sourceSection(one: StatusSource, { calendar, now, isShort }: Surroundings): Html {
  const { source, snapshots, keeps } = one;
  const calendars = isShort ? [] : tierCalendars({ snapshots, keeps, calendar, now });
  const windows = isShort ? [] : chartWindows(snapshots, now);
  return markup`<section aria-labelledby="${anchorOf(source.name)}">
<h2 id="${anchorOf(source.name)}" tabindex="-1">${source.name} <span class="quiet">${kinds[source.type]}</span></h2>
${facts(one)}
${
  isShort
    ? undefined
    : markup`<h3>Calendar</h3>
${snapshots.length === 0 ? markup`<p class="quiet">There is no backup yet.</p>` : markup`<div class="cals">${calendars.map(calendarTable)}</div>`}`
}
<h3>Recovery point and time</h3>
${recoveryPoint(one)}
${recoveryTime(one)}
${
  isShort
    ? undefined
    : markup`<h3>Size and duration</h3>
${windows.length === 0 ? markup`<p class="quiet">Two backups at least are needed for a line.</p>` : charts(windows)}
<h3>Verifications</h3>
${checks(one)}`
}
</section>
`;
}

const kinds: Readonly<Record<StatusSource["source"]["type"], string>> = {
  postgres: "PostgreSQL",
  "supabase-storage": "Supabase Storage",
  application: "application",
};

function facts({ source, state, snapshots, keeps }: StatusSource): Html {
  const { lastGood, lastVerified, lastRestored, stores, objectiveMs } = state;
  const whole = snapshots.filter((one) => one.state === "whole");
  const bytes = whole.reduce((sum, { totals }) => sum + totals.sealedBytes, 0);
  const kept = Object.entries(keeps).map(([tier, ms]) => `${tier} ${durationInWords(ms)}`);
  const rows: readonly (readonly [string, Html | string])[] = [
    ["State", badge(state)],
    [
      "Last good backup",
      lastGood === undefined
        ? "none"
        : markup`${time(lastGood.moment)}, ${briefly(lastGood.ageMs)} old <span class="quiet">(${durationInWords(objectiveMs)} allowed)</span>`,
    ],
    ["Opened and checked", lastVerified === undefined ? "never" : time(lastVerified.moment)],
    ["Restore proven", lastRestored === undefined ? "never" : time(lastRestored)],
    ["Backups kept", markup`${counted(whole.length, "backup")}, ${bytesInWords(bytes)} sealed`],
    [
      "Policy",
      markup`every ${paceInWords(source.everyMs)}${kept.length === 0 ? "" : `; kept: ${kept.join(", ")}`}`,
    ],
    ["Stores that answered", `${stores.readable} of ${stores.of}`],
  ];
  return markup`<dl class="facts">${rows.map(
    ([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>
`,
  )}</dl>`;
}

function recoveryPoint({ source, recoveryPoint: { nowSeconds, windows } }: StatusSource): Html {
  const allowed = source.rpoMs;
  const cell = (seconds: number | undefined): Html => {
    if (seconds === undefined) return markup`<td>–</td>`;
    const isOver = seconds * 1000 > allowed;
    return markup`<td${isOver ? markup` class="over"` : undefined}>${briefly(seconds * 1000)}${isOver ? markup` <span class="tag">over</span>` : undefined}</td>`;
  };
  const lost =
    nowSeconds === undefined ? "everything" : `what changed in the last ${briefly(nowSeconds * 1000)}`;
  return markup`<p>Objective: lose at most ${durationInWords(allowed)}. A failure at this page’s moment would lose ${lost}.</p>
<table class="data"><caption>Distances between backups, measured</caption><thead><tr><th scope="col">window</th><th scope="col">median</th><th scope="col">95 of 100</th><th scope="col">worst</th><th scope="col">gaps</th></tr></thead>
<tbody>${windows.map(
    (one) => markup`<tr><th scope="row">${one.windowDays} days${
      one.coveredDays < one.windowDays
        ? markup` <span class="quiet">(${one.coveredDays} known)</span>`
        : undefined
    }</th>${cell(one.medianSeconds)}${cell(one.p95Seconds)}${cell(one.worstSeconds)}<td>${one.gaps}</td></tr>
`,
  )}</tbody></table>`;
}

function recoveryTime({ source, drills }: StatusSource): Html {
  const objective = `Objective: be back within ${durationInWords(source.rtoMs)}.`;
  if (drills.length === 0) {
    return markup`<p>${objective} <span class="quiet">No drill has measured it yet.</span></p>`;
  }
  const newest = drills.toSorted((one, other) => other.time.getTime() - one.time.getTime());
  return markup`<p>${objective}</p>
<table class="data"><caption>Drills</caption><thead><tr><th scope="col">when (UTC)</th><th scope="col">drill</th><th scope="col">result</th><th scope="col">took</th></tr></thead>
<tbody>${newest.slice(0, mostChecks).map(
    (
      drill,
    ) => markup`<tr><th scope="row">${minutesOf(drill.time)}</th><td>${drill.kind}</td>${result(drill)}${took(drill, source.rtoMs)}</tr>
`,
  )}</tbody></table>`;
}

function took({ seconds, meetsObjectives }: ObservedDrill, allowedMs: number): Html {
  const words = briefly(seconds * 1000);
  if (seconds * 1000 > allowedMs) return markup`<td class="over">${words} <span class="tag">over</span></td>`;
  if (meetsObjectives) return markup`<td>${words}</td>`;
  // Too slow at production's size, or too much lost: the drill's report says which.
  return markup`<td>${words} <span class="warn">missed an objective</span></td>`;
}

function checks({ snapshots }: StatusSource): Html {
  const all = snapshots
    .flatMap(({ moment, evidence }) => evidence.map((one) => ({ ...one, moment })))
    .sort((one, other) => other.time.getTime() - one.time.getTime());
  if (all.length === 0) return markup`<p class="quiet">None of these backups has been checked.</p>`;
  // Hourly checks would crowd out what happens once a week, and what went wrong.
  const rare = all.filter(({ level, verdict }) => level === "restored" || verdict !== "passed");
  const chosen = new Set([...all.slice(0, mostChecks / 2), ...rare.slice(0, mostChecks / 2)]);
  const more = all.length - chosen.size;
  return markup`<table class="data"><thead><tr><th scope="col">when (UTC)</th><th scope="col">backup of</th><th scope="col">level</th><th scope="col">result</th></tr></thead>
<tbody>${all
    .filter((one) => chosen.has(one))
    .map(
      (
        one,
      ) => markup`<tr><th scope="row">${minutesOf(one.time)}</th><td>${minutesOf(one.moment)}</td><td>${one.level}</td>${result(one)}</tr>
`,
    )}</tbody></table>
${more > 0 ? markup`<p class="quiet">And ${counted(more, "other check")}.</p>` : undefined}`;
}

const verdicts: Readonly<Record<Verdict, string>> = {
  passed: "passed",
  failed: "failed",
  "not-verified": "not verified",
};

function result({ verdict, isTrusted }: { readonly verdict: Verdict; readonly isTrusted: boolean }): Html {
  const name = verdict === "passed" && isTrusted ? "good" : verdict === "failed" ? "bad" : "warn";
  const doubt = isTrusted ? undefined : markup` <span class="quiet">nobody vouches</span>`;
  return markup`<td><span class="${name}">${verdicts[verdict]}</span>${doubt}</td>`;
}

/** An ISO moment as people read it. */
export function time(iso: string): Html {
  return markup`<time datetime="${iso}">${minutesOf(new Date(iso))} UTC</time>`;
}
