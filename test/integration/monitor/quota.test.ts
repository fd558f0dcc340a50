/** What GitHub charges, asked of answers as its documentation gives them; who may not know says so. */
import { expect, test } from "vitest";
import { type GitHubAnswer, politely, type SendToGitHub } from "../../../src/alerts/github-requests.ts";
import { judgeQuota, recoveryOfQuota } from "../../../src/monitoring/judge-quota.ts";
import { watchQuota } from "../../../src/operations/watch-quota.ts";

const now = new Date("2026-11-23T12:00:00Z");
const item = (sku: string, netAmount: number, product = "actions") => ({
  ...{ date: "2026-11-01T00:00:00Z", product, sku, quantity: 100, unitType: "minutes", pricePerUnit: 0.006 },
  ...{ grossAmount: 0.6, discountAmount: 0.6 - netAmount, netAmount, repositoryName: "acme/app" },
});

async function watched(answers: Readonly<Record<string, GitHubAnswer>>) {
  const asked: [string, object][] = [];
  const send: SendToGitHub = (route, parameters) => {
    asked.push([route, parameters]);
    return Promise.resolve(answers[route] ?? { status: 404, headers: {}, data: { message: "Not Found" } });
  };
  const repository = { owner: "acme", name: "app" };
  const report = await watchQuota({ repository, ask: politely(send), now });
  return { ...report, asked };
}

const ok = (data: unknown): GitHubAnswer => ({ status: 200, headers: {}, data });
const repository = (type: string, isPrivate = true) =>
  ok({ private: isPrivate, owner: { login: "acme", type }, name: "app" });
const ofOrganization = "GET /organizations/{account}/settings/billing/usage";
const ofUser = "GET /users/{account}/settings/billing/usage";

test("a public repository costs nothing, and nobody is asked", async () => {
  const { asked, notes, quota } = await watched({ "GET /repos/{owner}/{repo}": repository("User", false) });
  expect([asked.length, notes, quota]).toEqual([1, [], undefined]);
});

test.each([
  ["Organization", ofOrganization],
  ["User", ofUser],
])("what is charged to an account of type %s is a problem, each thing once", async (type, route) => {
  const usageItems = [
    item("Actions Linux", 0),
    item("Actions storage", 0.2, "Actions"),
    item("Actions storage", 0.1),
    item("Copilot Business", 19, "copilot"),
    item("<b>new</b>", 1),
  ];
  const { asked, notes, quota } = await watched({
    "GET /repos/{owner}/{repo}": repository(type),
    [route]: ok({ usageItems }),
  });
  expect(asked[1]).toEqual([route, { account: "acme", year: 2026, month: 11 }]);
  expect(notes).toEqual([]);
  expect(quota).toEqual({ month: "2026-11", charged: ["Actions storage", "Actions"] });
  expect(judgeQuota(quota!)).toMatchObject([
    {
      ...{ level: "warning", code: "quota-exceeded", key: "quota/quota-exceeded" },
      publicSentence:
        "GitHub charges the account for more than its plan includes in 2026-11: Actions, Actions storage.",
    },
  ]);
  expect(recoveryOfQuota(quota!)).toBeUndefined();
});

test("where nothing is charged, that closes what was open", async () => {
  const { quota } = await watched({
    "GET /repos/{owner}/{repo}": repository("User"),
    [ofUser]: ok({ usageItems: [item("Actions Linux", 0)] }),
  });
  expect(judgeQuota(quota!)).toEqual([]);
  expect(recoveryOfQuota(quota!)).toContain("2026-11");
});

test.each<[string, GitHubAnswer, RegExp]>([
  ["may not know", { status: 403, headers: {}, data: { message: "Resource not accessible" } }, /status 403/],
  ["finds no such page", { status: 404, headers: {}, data: {} }, /status 404/],
  ["is answered strangely", ok({ usage: 7 }), /not understood/],
])("a token that %s leaves a notice, and no judgement", async (_, answer, why) => {
  const { notes, quota } = await watched({
    "GET /repos/{owner}/{repo}": repository("Organization"),
    [ofOrganization]: answer,
  });
  expect(quota).toBeUndefined();
  expect(notes).toMatchObject([{ level: "info", code: "quota-unknown" }]);
  expect(notes[0]?.publicSentence).toMatch(why);
  expect(notes[0]?.remedy).toContain("Administration: read");
});
