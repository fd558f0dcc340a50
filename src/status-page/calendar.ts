/** The calendars of one source: a real table for each tier, whose cells say in words what their shape shows. */
import type { Tier } from "../snapshot/snapshot-json.ts";
import { type CellState, cellStates, type TierCalendar } from "./calendar-cells.ts";
import { markup, type Html } from "./markup.ts";
import { counted } from "./words.ts";

/** One letter, because there may be hundreds of cells. */
const classes: Readonly<Record<CellState, string>> = {
  restored: "r",
  opened: "o",
  stored: "s",
  bad: "b",
  none: "n",
  open: "p",
};

const words: Readonly<Record<CellState, string>> = {
  restored: "restored",
  opened: "opened",
  stored: "stored",
  bad: "bad",
  none: "none",
  open: "not yet",
};

const meanings: Readonly<Record<CellState, string>> = {
  restored: "a restore of it was proven",
  opened: "opened and checked",
  stored: "stored, nobody has opened it yet",
  bad: "failed, damaged, incomplete or not trusted",
  none: "no backup",
  open: "the present period, none yet",
};

const periods: Readonly<Record<Tier, string>> = {
  hourly: "hour",
  daily: "day",
  weekly: "week",
  monthly: "month",
  yearly: "year",
};

/** What is written above a column; the others have their names for those who listen. */
const shown: Readonly<Record<Tier, (column: string, index: number) => string>> = {
  hourly: (column, index) => (index % 6 === 0 ? column : ""),
  daily: (column) => column.slice(0, 1),
  weekly: () => "",
  monthly: (column) => column.slice(0, 1),
  yearly: (column) => column.slice(2),
};

export function calendarTable({ tier, columns, rows, periods: count, missing }: TierCalendar): Html {
  const gaps = missing === 0 ? "" : `, ${missing} missing`;
  return markup`<table class="cal ${tier}"><caption><b>${tier}</b><br><span class="quiet">${counted(count, periods[tier])}${gaps}</span></caption>
<thead><tr><td></td>${columns.map((column, index) => columnHead(column, shown[tier](column, index)))}</tr></thead>
<tbody>${rows.map(
    ({ name, cells }) => markup`<tr><th scope="row">${name}</th>${cells.map(cell)}</tr>
`,
  )}</tbody></table>`;
}

function columnHead(column: string, text: string): Html {
  const visible = text === "" ? undefined : markup`<b aria-hidden="true">${text}</b>`;
  return markup`<th scope="col">${visible}<i>${column}</i></th>`;
}

function cell(state: CellState | undefined): Html {
  return state === undefined
    ? markup`<td></td>`
    : markup`<td class="${classes[state]}"><i>${words[state]}</i></td>`;
}

export function legend(): Html {
  return markup`<ul class="legend" aria-label="What the calendars' cells mean">${cellStates.map(
    (
      state,
    ) => markup`<li><span class="${classes[state]}" aria-hidden="true"></span> <b>${words[state]}</b> ${meanings[state]}</li>
`,
  )}</ul>`;
}
