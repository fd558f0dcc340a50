/** A webhook: what Slack (and Mattermost, Discord's `/slack`, Rocket.Chat) reads, or a plain JSON document. */
import { type Alert, type AlertChannel, headlineOf, type Problem, runbookOf, titleOf } from "./alert.ts";
import { deliver, type HttpSettings } from "./http-post.ts";

export interface WebhookSettings extends HttpSettings {
  readonly format: "slack" | "plain";
}

export function webhookChannel(settings: WebhookSettings): AlertChannel {
  return {
    name: "webhook",
    tell: async (alert) => {
      const document = settings.format === "slack" ? slackMessage(alert) : plainDocument(alert);
      const headers = { "content-type": "application/json", "user-agent": "lifeboat" };
      await deliver(
        "message to the webhook",
        { method: "POST", headers, body: JSON.stringify(document) },
        settings,
      );
    },
  };
}

/** https://docs.slack.dev/messaging/formatting-message-text: three characters are markup everywhere. */
export function slackMessage(alert: Alert): { readonly text: string } {
  const { place, problems, recovered } = alert;
  const line = (problem: Problem): string =>
    `${problem.level === "error" ? "🔴" : "🟡"} *${slack(titleOf(problem))}*\n` +
    `${slack(problem.sentences.join(" "))}\n${slack(problem.remedy)} <${runbookOf(place, problem.code)}|${problem.code}>`;
  const text = [
    `*${slack(headlineOf(alert))}*`,
    ...problems.map(line),
    ...recovered.map(({ evidence }) => `🟢 Well again. ${slack(evidence)}`),
    ...(place.runUrl === undefined ? [] : [`<${place.runUrl}|The run>`]),
  ].join("\n\n");
  return { text };
}

export function plainDocument(alert: Alert): object {
  const { place, problems, recovered, news } = alert;
  const isNew = new Set(news.map(({ key }) => key));
  return {
    version: 1,
    text: headlineOf(alert),
    ...(place.repository === undefined ? {} : { repository: place.repository }),
    ...(place.runUrl === undefined ? {} : { run: place.runUrl }),
    problems: problems.map((problem) => {
      const { key, code, level, subject, sentences, remedy } = problem;
      const runbook = runbookOf(place, code);
      return { key, code, level, subject, sentences, remedy, runbook, isNew: isNew.has(key) };
    }),
    recovered,
  };
}

function slack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
