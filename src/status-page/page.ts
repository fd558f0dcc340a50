/** The whole status page as one HTML file that asks nobody for anything. */
import { createHash } from "node:crypto";
import { runbookOf } from "../alerts/alert.ts";
import type { MonitorFinding } from "../monitoring/findings.ts";
import { calendarOf } from "../policy/calendar.ts";
import type { Finding } from "../verification/findings.ts";
import { legend } from "./calendar.ts";
import { freshnessScript } from "./freshness.ts";
import { markup, type Html, link, verbatim } from "./markup.ts";
import type { StatusReport } from "./report.ts";
import { sources } from "./overview.ts";
import { anchorOf, sourceSection } from "./source-section.ts";
import { style } from "./style.ts";
import { counted } from "./words.ts";

/** Sources with calendars, charts and checks; what comes after them has its numbers only. */
const mostFullSections = 8;
const mostFindings = 100;
const mostNotes = 50;

export function statusPage(report: StatusReport): string {
  const { now, timezone, judgement } = report;
  const title = titleOf(report);
  const calendar = calendarOf(timezone);
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>${verdictOf(report)} – ${title}</title>
<style>${verbatim(style)}</style>
</head>
<body>
<header>
<a class="skip" href="#main">To the content</a>
<h1>${title}</h1>
<p class="verdict ${judgement.isWell ? "good" : "bad"}">${verdictOf(report)}</p>
<p class="quiet">Judged ${judged(now)} UTC${report.place.runUrl === undefined ? undefined : markup` by ${link(report.place.runUrl, "this run")}`}. The monitor’s workflow renews this page every six hours: if that moment is long past, nobody is watching.</p>
<p id="stale" role="alert" class="bad" hidden><b></b> It shows what was, not what is: see why the monitor does not run.</p>
<nav aria-label="Sections"><ul>${contents(report)}</ul></nav>
</header>
<main id="main" tabindex="-1">
${problems(report)}
${sources(report)}
${report.sources.map((one, index) => sourceSection(one, { calendar, now, isShort: index >= mostFullSections }))}
${notes(report)}
<section aria-labelledby="reading">
<h2 id="reading" tabindex="-1">How to read this page</h2>
${legend()}
<p>Days, weeks, months and years are those of ${timezone}; hours and moments are UTC. A calendar shows each period that the policy keeps a backup for.</p>
<p>Distances between backups are measured on every backup that anything still names: those that are kept, and removed ones by their tombstones or the ledger. What nothing names any more makes a distance look longer than it was, never shorter.</p>
</section>
</main>
<footer>Numbers and codes only: nothing on this page comes from inside a backup.</footer>
<script>${verbatim(freshnessScript)}</script>
</body>
</html>
`;
  return page.text;
}

/** Nothing is loaded from anywhere; of scripts and styles only the two that stand here run. */
const contentPolicy = [
  "default-src 'none'",
  `style-src '${hashOf(style)}'`,
  `script-src '${hashOf(freshnessScript)}'`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function titleOf({ place: { repository } }: StatusReport): string {
  return repository === undefined ? "Backups" : `Backups of ${repository}`;
}

function verdictOf({ judgement: { findings, isWell }, unheard }: StatusReport): string {
  const errors = findings.filter(({ level }) => level === "error").length;
  if (!isWell) return counted(errors, "problem");
  if (unheard.length > 0) return "The backups are well, but not everybody could be told";
  if (findings.length > 0) return `${counted(findings.length, "warning")}, none of them urgent`;
  return "All is well";
}

function judged(now: Date): Html {
  const iso = now.toISOString();
  return markup`<time id="judged" datetime="${iso}">${iso.slice(0, 16).replace("T", " ")}</time>`;
}

function contents({ sources: all, notes: said }: StatusReport): Html {
  const entries: readonly (readonly [string, string])[] = [
    ["problems", "Problems"],
    ["sources", "Sources"],
    ...all.map(({ source: { name } }) => [anchorOf(name), name] as const),
    ...(said.length === 0 ? [] : [["notes", "Notes"] as const]),
    ["reading", "How to read this page"],
  ];
  return markup`${entries.map(
    ([anchor, name]) => markup`<li><a href="#${anchor}">${name}</a></li>
`,
  )}`;
}

function problems({ judgement: { findings }, place, unheard }: StatusReport): Html {
  const worstFirst = [...findings].sort((one, other) => rank(one) - rank(other));
  const more = worstFirst.length - mostFindings;
  return markup`<section aria-labelledby="problems">
<h2 id="problems" tabindex="-1">Problems</h2>
${worstFirst.length === 0 ? markup`<p>None.</p>` : undefined}
<ul class="findings">${worstFirst.slice(0, mostFindings).map(
    ({
      level,
      code,
      publicSentence,
      remedy,
    }) => markup`<li class="${level}"><p><b class="${level === "error" ? "bad" : "warn"}">${level === "error" ? "Error" : "Warning"}</b> ${prose(publicSentence)}</p>
<p>What to do: ${prose(remedy)} ${link(runbookOf(place, code), code)}</p></li>
`,
  )}</ul>
${more > 0 ? markup`<p>And ${counted(more, "further problem")}: the run’s summary has all of them.</p>` : undefined}
${unheard.length === 0 ? undefined : markup`<p class="bad">Not told: ${unheard.join(", ")}. The run’s summary says why.</p>`}
</section>`;
}

function rank({ level }: MonitorFinding): number {
  return level === "error" ? 0 : 1;
}

function notes({ notes: said }: StatusReport): Html | undefined {
  if (said.length === 0) return undefined;
  const once = new Map(said.map((one) => [`${one.code}\n${one.publicSentence}`, one]));
  return markup`<section aria-labelledby="notes">
<h2 id="notes" tabindex="-1">Notes</h2>
<ul>${[...once.values()].slice(0, mostNotes).map(note)}</ul>
</section>`;
}

function note({ code, publicSentence, remedy }: Finding): Html {
  return markup`<li><code>${code}</code>: ${prose(publicSentence)} ${prose(remedy)}</li>
`;
}

/** A sentence, with what stands in backticks as code; clipped, because an answer of a stranger may be of any length. */
function prose(text: string): Html {
  const short = text.length <= 600 ? text : `${text.slice(0, 599)}…`;
  const parts = short.split(/`([^`]+)`/);
  return markup`${parts.map((part, index) => (index % 2 === 0 ? part : markup`<code>${part}</code>`))}`;
}
