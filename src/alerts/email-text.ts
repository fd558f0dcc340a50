/** An alert as an e-mail: a subject, a text, and the same in HTML. */
import { type Alert, headlineOf, type Problem, runbookOf, titleOf } from "./alert.ts";

export interface EmailText {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export function emailText(alert: Alert): EmailText {
  const { place, problems, recovered } = alert;
  const headline = headlineOf(alert);
  const text = [
    headline,
    ...problems.map((problem) =>
      [
        `${problem.level.toUpperCase()}  ${titleOf(problem)}`,
        ...problem.sentences,
        `What to do: ${problem.remedy}`,
        runbookOf(place, problem.code),
      ].join("\n"),
    ),
    ...recovered.map(({ evidence }) => `WELL AGAIN  ${evidence}`),
    ...(place.runUrl === undefined ? [] : [`The run: ${place.runUrl}`]),
  ].join("\n\n");
  const html = [
    `<!doctype html><html lang="en"><body style="font-family: sans-serif">`,
    `<h1 style="font-size: 1.2em">${escaped(headline)}</h1>`,
    ...problems.map((problem) => htmlOf(problem, runbookOf(place, problem.code))),
    ...recovered.map(({ evidence }) => `<p><strong>Well again.</strong> ${escaped(evidence)}</p>`),
    ...(place.runUrl === undefined ? [] : [`<p><a href="${escaped(place.runUrl)}">The run</a></p>`]),
    "</body></html>",
  ].join("\n");
  return { subject: `[Lifeboat] ${headline}`, text, html };
}

function htmlOf(problem: Problem, runbook: string): string {
  const { level, sentences, remedy, code } = problem;
  return [
    `<h2 style="font-size: 1em">${level === "error" ? "Error" : "Warning"}: ${escaped(titleOf(problem))}</h2>`,
    `<ul>${sentences.map((sentence) => `<li>${escaped(sentence)}</li>`).join("")}</ul>`,
    `<p>What to do: ${escaped(remedy)} <a href="${escaped(runbook)}">${code}</a></p>`,
  ].join("\n");
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
