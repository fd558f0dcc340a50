/** actionlint and zizmor over every workflow, and proof that both were really looking. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exampleWorkflows, ownWorkflows, repositoryRoot } from "../../support/workflow-files.ts";
import { actionlintProgram, zizmorProgram } from "../../support/workflow-linters.ts";
import { runProgram } from "../../support/run-to-end.ts";

const actionlint = await actionlintProgram();
const zizmor = await zizmorProgram();
const all = [...ownWorkflows, ...exampleWorkflows];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-lint-"));
  await mkdir(join(folder, ".github/workflows"), { recursive: true });
  // What a stranger wrote, as words of a shell.
  const broken = `on: issues
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - run: echo "\${{ github.event.issue.title }}"
`;
  await writeFile(join(folder, ".github/workflows/broken.yml"), broken);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(actionlint === undefined)("actionlint", () => {
  const lint = (args: readonly string[], cwd = repositoryRoot) => runProgram(actionlint!, args, cwd);

  test("has nothing against the workflows and examples", async () => {
    const config = join(repositoryRoot, ".github/actionlint.yaml");
    expect(await lint(["-config-file", config, "-shellcheck=", "-pyflakes=", ...all])).toEqual({
      code: 0,
      output: "",
    });
  });

  test("sees an issue's title in a shell", async () => {
    const { code, output } = await lint(
      ["-shellcheck=", "-pyflakes=", ".github/workflows/broken.yml"],
      folder,
    );
    expect(code).toBe(1);
    expect(output).toContain("potentially untrusted");
  });
});

describe.skipIf(zizmor === undefined)("zizmor", () => {
  const config = join(repositoryRoot, ".github/zizmor.yml");
  const audit = (args: readonly string[], cwd = repositoryRoot) =>
    runProgram(zizmor!, ["--offline", "--no-progress", "--config", config, ...args], cwd);

  test("has nothing against the workflows, the examples and the actions", async () => {
    const { code, output } = await audit([...all, "actions"]);
    expect(output).toContain("No findings to report");
    expect(code).toBe(0);
  });

  test("sees an issue's title in a shell", async () => {
    const { code, output } = await audit([".github/workflows/broken.yml"], folder);
    expect(code).not.toBe(0);
    expect(output).toContain("template-injection");
  });
});
