/** All sources in one table that fits a phone. */
import { durationInWords } from "../policy/durations.ts";
import { markup, type Html } from "./markup.ts";
import type { StatusReport, StatusSource } from "./report.ts";
import { anchorOf } from "./source-section.ts";
import { badge } from "./state.ts";
import { briefly } from "./words.ts";

export function sources({ sources: all, now }: StatusReport): Html {
  return markup`<section aria-labelledby="sources">
<h2 id="sources" tabindex="-1">Sources</h2>
<table class="data sources"><thead><tr><th scope="col">source</th><th scope="col">last good backup</th><th scope="col">restore proven</th><th scope="col">worst gap, 30 days</th></tr></thead>
<tbody>${all.map((one) => row(one, now))}</tbody></table>
</section>
`;
}

function row({ source, state, recoveryPoint }: StatusSource, now: Date): Html {
  const { lastGood, lastRestored } = state;
  const worst = recoveryPoint.windows[0]?.worstSeconds;
  const isOver = worst !== undefined && worst * 1000 > source.rpoMs;
  const restored =
    lastRestored === undefined ? "never" : `${briefly(now.getTime() - Date.parse(lastRestored))} ago`;
  return markup`<tr><th scope="row"><a href="#${anchorOf(source.name)}">${source.name}</a><br>${badge(state)}</th>
<td>${lastGood === undefined ? "none" : markup`${briefly(lastGood.ageMs)} ago`}<br><span class="quiet">${durationInWords(state.objectiveMs)} allowed</span></td>
<td>${restored}</td>
<td${isOver ? markup` class="over"` : undefined}>${worst === undefined ? "–" : briefly(worst * 1000)}${isOver ? markup` <span class="tag">over</span>` : undefined}</td></tr>
`;
}
