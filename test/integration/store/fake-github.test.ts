import { readFile } from "node:fs/promises";
import { Ajv, type AnySchema } from "ajv";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeGitHub, startFakeGitHub } from "../../fakes/github/index.ts";

/**
 * The response schemas of @octokit/openapi 23.0.2 (api.github.com) that the fake serves, without descriptions and
 * without the optional properties that nobody here reads.
 */
const schemas = new URL("../../fakes/github/openapi-responses.json", import.meta.url);

describe("the fake GitHub", () => {
  let github: FakeGitHub;
  let documented: Record<string, AnySchema>;
  beforeAll(async () => {
    github = await startFakeGitHub();
    documented = JSON.parse(await readFile(schemas, "utf8")) as Record<string, AnySchema>;
  });
  afterAll(() => github.close());

  it("answers as GitHub's own schema says", async () => {
    const ajv = new Ajv({ strict: false, allErrors: true });
    (addFormats as unknown as (ajv: Ajv) => void)(ajv);
    const run = github.state.addRun();
    const fork = github.state.addRun({ event: "pull_request", headRepositoryId: 9 });
    const { id } = github.state.addArtifact(run, "a", Buffer.from("bytes"));
    github.state.addArtifact(fork, "a", Buffer.from("bytes"));
    const base = `/repos/${github.repository}`;
    github.rest.issues.add({ title: "Old", body: "text", state: "closed" });
    github.rest.issues.workflows.push({ id: 5, path: ".github/workflows/backup.yml", state: "active" });
    const told = { title: "New", body: "text", labels: ["backup"], assignees: ["octocat"] };
    const cases: readonly (readonly [operation: string, path: string, body?: object])[] = [
      ["get /repos/{owner}/{repo}", base],
      ["get /repos/{owner}/{repo}/actions/artifacts", `${base}/actions/artifacts`],
      ["get /repos/{owner}/{repo}/actions/artifacts/{artifact_id}", `${base}/actions/artifacts/${id}`],
      ["get /repos/{owner}/{repo}/actions/runs/{run_id}", `${base}/actions/runs/${run.id}`],
      ["get /repos/{owner}/{repo}/actions/runs/{run_id}", `${base}/actions/runs/${fork.id}`],
      [
        "get /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts",
        `${base}/actions/runs/${run.id}/artifacts`,
      ],
      ["get /repos/{owner}/{repo}/actions/workflows", `${base}/actions/workflows`],
      ["post /repos/{owner}/{repo}/issues", `${base}/issues`, told],
      ["get /repos/{owner}/{repo}/issues", `${base}/issues?state=all`],
      ["post /repos/{owner}/{repo}/issues/{issue_number}/comments", `${base}/issues/2/comments`, told],
      ["patch /repos/{owner}/{repo}/issues/{issue_number}", `${base}/issues/2`, { state: "closed" }],
      ["post /repos/{owner}/{repo}/git/trees", `${base}/git/trees`, { tree: [] }],
      ["post /repos/{owner}/{repo}/git/commits", `${base}/git/commits`, { parents: [] }],
      ["post /repos/{owner}/{repo}/git/refs", `${base}/git/refs`, { ref: "refs/heads/lifeboat-ledger" }],
      ["put /repos/{owner}/{repo}/contents/{path}", `${base}/contents/ledger/2026/11.jsonl`, {}],
      ["get /repos/{owner}/{repo}/contents/{path}", `${base}/contents/ledger/2026`],
    ];
    expect(new Set(cases.map(([operation]) => operation))).toEqual(new Set(Object.keys(documented)));
    for (const [operation, path, body] of cases) {
      const method = operation.split(" ")[0]!.toUpperCase();
      const response = await fetch(github.apiUrl + path, {
        method,
        headers: { authorization: `token ${github.token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect(response.status, path).toBe(method === "POST" || method === "PUT" ? 201 : 200);
      const fits = ajv.compile(documented[operation]!);
      void fits(await response.json());
      expect(fits.errors, path).toBeNull();
    }
  });

  it("gives its artifacts only to tokens with the right", async () => {
    const path = `${github.apiUrl}/repos/${github.repository}/actions/artifacts`;
    const statusFor = async (token: string) =>
      (await fetch(path, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await statusFor("ghs_unknown")).toBe(401);
    expect(await statusFor(github.tokenWith({}))).toBe(403);
    expect(await statusFor(github.tokenWith({ actions: "read" }))).toBe(200);
  });
});
