/** How a source stands, in one or two words and a shape, for those who see no colour. */
import type { SourceState } from "../monitoring/judge-source.ts";
import { markup, type Html } from "./markup.ts";

const states: Readonly<
  Record<SourceState["punctuality"], readonly ["good" | "warn" | "bad", string, string]>
> = {
  "on-time": ["good", "●", "on time"],
  "late-within-grace": ["warn", "◐", "late, within the grace"],
  late: ["bad", "▲", "late"],
  missing: ["bad", "▲", "no good backup"],
  unknown: ["warn", "◌", "unknown"],
};

export function badge({ punctuality }: Pick<SourceState, "punctuality">): Html {
  const [colour, shape, words] = states[punctuality];
  return markup`<span class="state ${colour}"><span aria-hidden="true">${shape}</span> ${words}</span>`;
}
