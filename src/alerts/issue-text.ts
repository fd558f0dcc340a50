/** Titles, bodies and comments of issues, and the hidden line by which an issue is found again. */
import { type AlertPlace, fingerprintOf, type Problem, runbookOf, titleOf } from "./alert.ts";

/** Who has not taken what there was to tell, by the ids of their channels. */
export type Untold = readonly string[] | "everybody";

export interface Marker {
  /** Of the problem. */
  readonly key: string;
  readonly fingerprint: string;
  /** Of the problem, or, where it is over, of its end. */
  readonly untold: Untold;
  /** The problem is over, but not everybody has heard of that. */
  readonly isOver: boolean;
}

const markerShape =
  /^<!-- lifeboat: key=([\w.:/-]+) content=([0-9a-f]{16}) told=(yes|no|(?:but|over-but):[\w.,-]+) -->/;

/** Of the body's first line; undefined where this is no issue of the monitor. */
export function readMarker(body: string): Marker | undefined {
  const [, key, fingerprint, told] = markerShape.exec(body) ?? [];
  if (key === undefined || fingerprint === undefined || told === undefined) return undefined;
  const [state, ids = ""] = told.split(":");
  const isOver = state === "over-but";
  if (state === "no") return { key, fingerprint, untold: "everybody", isOver };
  return { key, fingerprint, untold: ids === "" ? [] : ids.split(","), isOver };
}

/** The same body, which now says that the problem is over and who has not heard of that. */
export function overBody(body: string, untold: readonly string[]): string {
  return body.replace(
    markerShape,
    (_, key: string, fingerprint: string) =>
      `<!-- lifeboat: key=${key} content=${fingerprint} told=over-but:${untold.join(",")} -->`,
  );
}

function toldWords(untold: Untold): string {
  if (untold === "everybody") return "no";
  return untold.length === 0 ? "yes" : `but:${untold.join(",")}`;
}

export function issueTitle(problem: Problem): string {
  return `Lifeboat: ${titleOf(problem)}`;
}

export function issueBody(problem: Problem, place: AlertPlace, untold: Untold): string {
  const { key, level } = problem;
  const marker = `<!-- lifeboat: key=${key} content=${fingerprintOf(problem)} told=${toldWords(untold)} -->`;
  return [
    marker,
    content(problem, place),
    `Level: ${level}. ${seenBy(place)}Lifeboat keeps this issue: it comments when something changes, and closes it when all is well again.`,
  ].join("\n\n");
}

export function changeComment(problem: Problem, place: AlertPlace): string {
  return ["It is different now:", content(problem, place), seenBy(place)].join("\n\n").trim();
}

export function closingComment(evidence: string, place: AlertPlace): string {
  return `Well again. ${plain(evidence)}\n\n${seenBy(place)}`.trim();
}

export function doubleComment(of: number): string {
  return `#${of} says the same, and stays open.`;
}

function content(problem: Problem, place: AlertPlace): string {
  const { sentences, remedy, code } = problem;
  return [
    sentences.map((sentence) => `- ${plain(sentence)}`).join("\n"),
    `**What to do:** ${plain(remedy)}`,
    `[${code} in the runbook](${runbookOf(place, code)})`,
  ].join("\n\n");
}

function seenBy({ runUrl }: AlertPlace): string {
  return runUrl === undefined ? "" : `Seen by [this run](${runUrl}). `;
}

/** Text that mentions nobody, links nothing and is no markup, whatever a store's answer said. */
function plain(text: string): string {
  return text
    .replaceAll(/[\r\n]+/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll("[", "\\[")
    .replaceAll("@", "@\u2060")
    .replaceAll("#", "#\u2060");
}
