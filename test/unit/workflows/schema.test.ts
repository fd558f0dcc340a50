import { describe, expect, test } from "vitest";
import { checkPolicy } from "../../../src/policy/check.ts";
import {
  exampleFolders,
  exampleWorkflows,
  ownWorkflows,
  parsedByGitHub,
  textOf,
} from "../../support/workflow-files.ts";

describe("GitHub's own parser", () => {
  test.each([...ownWorkflows, ...exampleWorkflows])("has nothing against %s", async (path) => {
    const { errors, template } = await parsedByGitHub(path, textOf(path));
    expect(errors).toEqual([]);
    expect(template.jobs.length).toBeGreaterThan(0);
  });

  test("is really asked: it names a misspelt key and an unknown context", async () => {
    const broken = textOf(".github/workflows/backup.yml")
      .replace("timeout-minutes", "timeout-minuets")
      .replace("needs.plan.outputs.any ==", "need.plan.outputs.any ==");
    const { errors } = await parsedByGitHub("broken.yml", broken);
    expect(errors.join("\n")).toContain("timeout-minuets");
    expect(errors.join("\n")).toContain("need");
  });
});

test.each(exampleFolders())("the policy of %s has no error", (folder) => {
  const { problems } = checkPolicy(textOf(`${folder}/.github/lifeboat.yml`));
  expect(problems).toEqual([]);
});
