/** Small line charts as inline SVG, each with its sentence, and the same numbers as a table. */
import type { ChartPoint, ChartWindow } from "./chart-points.ts";
import { markup, type Html } from "./markup.ts";
import { briefly, bytesInWords, minutesOf, shortDay } from "./words.ts";

interface Series {
  readonly title: string;
  readonly of: (point: ChartPoint) => number;
  readonly inWords: (value: number) => string;
}

const series: readonly Series[] = [
  { title: "Size, sealed", of: ({ bytes }) => bytes, inWords: bytesInWords },
  { title: "Duration, longest", of: ({ durationMs }) => durationMs, inWords: briefly },
];

const width = 320;
const height = 100;
/** The plot lies between these; above it stands the largest value, below it the two dates. */
const top = 16;
const bottom = 82;

export function charts(windows: readonly ChartWindow[]): Html {
  return markup`${windows.map(
    (window) => markup`<div class="charts">${series.map((one) => chart(one, window))}</div>
${numbers(window)}
`,
  )}`;
}

function chart({ title, of, inWords }: Series, { name, from, to, points }: ChartWindow): Html {
  const values = points.map(of);
  const largest = Math.max(...values);
  const [first = 0] = values;
  const last = values.at(-1) ?? 0;
  const spanMs = Math.max(1, to.getTime() - from.getTime());
  const x = (moment: Date): string =>
    (2 + ((moment.getTime() - from.getTime()) / spanMs) * (width - 4)).toFixed(1);
  const y = (value: number): string =>
    (bottom - (largest === 0 ? 0 : value / largest) * (bottom - top)).toFixed(1);
  const places = points.map((point) => `${x(point.moment)} ${y(of(point))}`);
  const [start, end] = [points[0]?.moment ?? from, points.at(-1)?.moment ?? to].map(x);
  const sentence = `${title}, ${name}: ${inWords(first)} at first, ${inWords(last)} now, ${inWords(Math.min(...values))} to ${inWords(largest)}.`;
  return markup`<figure><figcaption><b>${title}</b> <span class="quiet">${name}</span> <span class="now">${inWords(last)}</span></figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${sentence}"><path class="axis" d="M0 ${bottom}H${width}M0 ${top}H${width}"/><path class="area" d="M${places.join("L")}L${end} ${bottom}L${start} ${bottom}Z"/><path class="line" d="M${places.join("L")}"/><circle class="dot" cx="${end}" cy="${y(last)}" r="2.5"/><text x="0" y="${top - 4}">${inWords(largest)}</text><text x="0" y="${height - 4}">${dayIn(from)}</text><text x="${width}" y="${height - 4}" text-anchor="end">${dayIn(to)}</text></svg></figure>
`;
}

function dayIn(moment: Date): string {
  const day = moment.toISOString().slice(0, 10);
  return `${shortDay(day)} ${day.slice(0, 4)}`;
}

function numbers({ name, points }: ChartWindow): Html {
  return markup`<details><summary>Numbers of the charts, ${name}</summary>
<table class="data"><thead><tr><th scope="col">until (UTC)</th><th scope="col">backups</th><th scope="col">size</th><th scope="col">longest</th></tr></thead>
<tbody>${points.toReversed().map(
    ({
      moment,
      backups,
      bytes,
      durationMs,
    }) => markup`<tr><th scope="row">${minutesOf(moment)}</th><td>${backups}</td><td>${bytesInWords(bytes)}</td><td>${briefly(durationMs)}</td></tr>
`,
  )}</tbody></table></details>`;
}
