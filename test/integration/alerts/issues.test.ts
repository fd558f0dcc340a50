/** Issues by GitHub's own API over HTTP: one for each problem, told once, closed with what shows the recovery. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { issueBook } from "../../../src/alerts/issues.ts";
import { politely } from "../../../src/alerts/github-requests.ts";
import type { Alert } from "../../../src/alerts/alert.ts";
import { type MonitorFinding, monitorFinding } from "../../../src/monitoring/findings.ts";
import { endingOf, sendAlerts } from "../../../src/operations/send-alerts.ts";
import { githubClient } from "../../../src/runner/github-client.ts";
import { type FakeGitHub, startFakeGitHub } from "../../fakes/github/index.ts";

let github: FakeGitHub;
const waits: number[] = [];
beforeEach(async () => {
  github = await startFakeGitHub();
  waits.length = 0;
});
afterEach(() => github.close());

const late = monitorFinding("backup-late", { kind: "source", name: "database" }, "It is too old.");
const failed = monitorFinding("job-failed", { kind: "job", name: "verify" }, "The job failed.");

async function tell(
  findings: readonly MonitorFinding[],
  { recoveries = new Map<string, string>(), assignees = [] as readonly string[], token = github.token } = {},
) {
  const [owner = "", name = ""] = github.repository.split("/");
  const sleep = (milliseconds: number): Promise<void> => {
    waits.push(milliseconds);
    return Promise.resolve();
  };
  const ask = politely(githubClient({ token, apiUrl: github.apiUrl }), { sleep });
  const told: Alert[] = [];
  const channels = {
    issues: () => issueBook({ repository: { owner, name }, labels: ["backup"], assignees, ask }),
    others: [
      {
        name: "webhook" as const,
        open: () => ({
          name: "webhook" as const,
          tell: (alert: Alert): Promise<void> => {
            told.push(alert);
            return Promise.resolve();
          },
        }),
      },
    ],
  };
  const place = { repository: github.repository, runUrl: undefined, runbook: "docs/runbook.md" };
  const reports = await sendAlerts({ findings, recoveries }, channels, place, ["database"]);
  return { error: endingOf({ findings }, reports), reports, told };
}

const listed = () => github.rest.issues.issues;

test("one issue for each problem, a comment where it changed, and the evidence where it is over", async () => {
  await tell([late, failed]);
  expect(listed().map(({ title, labels, state }) => [title, labels, state])).toEqual([
    [expect.stringContaining('"database"'), ["backup"], "open"],
    [expect.stringContaining("job verify"), ["backup"], "open"],
  ]);
  const quiet = await tell([late, failed]);
  expect(quiet.told).toEqual([]);
  const worse = { ...late, sentence: "Worse.", publicSentence: "It is much too old." };
  await tell([worse, failed], { recoveries: new Map([["job:verify", "The job succeeded."]]) });
  const [database, job] = listed();
  expect(database).toMatchObject({ state: "open", comments: [expect.stringContaining("much too old")] });
  expect(job).toMatchObject({ state: "open", comments: [] });
  // A subject that was not looked at closes nothing.
  const unseen = await tell([worse]);
  expect([unseen.reports[0]?.error, unseen.reports[0]?.done]).toEqual([undefined, "nothing changed"]);
  expect(job).toMatchObject({ state: "open", comments: [] });
  const end = await tell([worse], { recoveries: new Map([["job:verify", "The job succeeded."]]) });
  expect(job).toMatchObject({
    ...{ state: "closed", stateReason: "completed" },
    comments: [expect.stringContaining("The job succeeded.")],
  });
  expect(end.told[0]?.recovered).toHaveLength(1);
  await tell([late, failed]);
  expect(listed()).toHaveLength(3);
});

test("what somebody else wrote is no issue of ours, and of two for one problem the older stays", async () => {
  await tell([late]);
  const [ours] = listed();
  const forged = github.rest.issues.add({ title: "x", body: ours!.body, author: "mallory" });
  const double = github.rest.issues.add({ title: "y", body: ours!.body });
  await tell([late]);
  expect([ours!.state, forged.state, double.state]).toEqual(["open", "open", "closed"]);
  expect(listed()).toHaveLength(3);
});

test("more than one page of open issues is read", async () => {
  for (let number = 0; number < 150; number += 1) github.rest.issues.add({ title: `${number}`, body: "" });
  await tell([late]);
  await tell([late]);
  expect(listed()).toHaveLength(151);
});

describe("where GitHub refuses", () => {
  test.each([403, 404, 410, 500, 502])(
    "with %i, the other channel is told and the run is red",
    async (status) => {
      github.faults.add({ matches: "/issues", times: 50, effect: { kind: "status", status } });
      const { error, told, reports } = await tell([late]);
      expect(told.map(({ news }) => news.length)).toEqual([1]);
      expect(error).toMatchObject({ code: "backups-unwell", exitCode: 3 });
      expect(reports[0]).toMatchObject({ channel: "issues", error: { code: "alert-failed" } });
      // Well, but nobody could be told: not green either.
      expect((await tell([])).error).toMatchObject({ code: "alert-failed", exitCode: 1 });
      github.faults.clear();
      // Nobody remembers that the webhook was told, so it is told again, with its issue.
      expect((await tell([late])).told).toHaveLength(1);
      expect(listed()).toHaveLength(1);
    },
  );

  test("an assignee who has left, the issue is opened without, and the run is red", async () => {
    const { reports } = await tell([late], { assignees: ["gone"] });
    expect(listed().map(({ assignees }) => assignees)).toEqual([[]]);
    expect(reports[0]?.error?.hint).toContain("assignees");
    await tell([late], { assignees: ["octocat"] });
    expect(listed()).toHaveLength(1);
  });

  test("for a while (429, 502), it waits and goes on", async () => {
    github.faults.add({ matches: "GET /repos", times: 1, effect: { kind: "status", status: 502 } });
    github.faults.add({ matches: "POST /repos", times: 1, effect: { kind: "status", status: 429 } });
    const { reports } = await tell([late]);
    expect(reports[0]?.error).toBeUndefined();
    expect(listed()).toHaveLength(1);
    expect(waits).toEqual(expect.arrayContaining([1000, 60_000]));
  });

  test("a token without the right, it says which one", async () => {
    const { reports } = await tell([late], { token: github.tokenWith({ actions: "write" }) });
    expect(reports[0]?.error?.hint).toContain("issues: write");
  });
});
