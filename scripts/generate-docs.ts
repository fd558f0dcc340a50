/**
 * Writes what would drift if it were kept by hand: `node scripts/generate-docs.ts [--check]`.
 * With --check nothing is written, and files that are not as generated are an error.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { format } from "prettier";
import type { z } from "zod";
import { policyFileSchema } from "../src/policy/schema.ts";
import { recordSchema } from "../src/runner/record.ts";
import { drillEvidenceSchema } from "../src/snapshot/drill-evidence.ts";
import { kinds } from "../test/field/shapes/registry.ts";
import { compatibilityPage } from "./compatibility-page.ts";
import {
  type ActionPage,
  actionReadme,
  errorsPage,
  mainReadme,
  policyPage,
  schemaFile,
  versionModule,
} from "./generated-files.ts";

/** Published schemas: docs/schemas/<name>.schema.json. */
const schemas: Readonly<Record<string, z.ZodType>> = {
  record: recordSchema,
  policy: policyFileSchema,
  drill: drillEvidenceSchema,
};

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const root = resolve(import.meta.dirname, "..");
const drifted: string[] = [];
for (const [file, text] of generatedFiles()) {
  const formatted = await format(text, { filepath: file, printWidth: 110 });
  const path = join(root, file);
  if (existsSync(path) && readFileSync(path, "utf8") === formatted) continue;
  drifted.push(file);
  if (values.check) continue;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, formatted);
}
if (values.check && drifted.length > 0) {
  console.error(`Not as generated: ${drifted.join(", ")}.\nRun \`npm run docs\` and commit the result.`);
  process.exitCode = 1;
}

function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const read = (file: string): string =>
    existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8") : "";
  files.set("docs/errors.md", errorsPage());
  files.set("docs/compatibility.md", compatibilityPage(kinds));
  files.set("src/runner/version.ts", versionModule(read("package.json")));
  for (const [name, schema] of Object.entries(schemas)) {
    files.set(`docs/schemas/${name}.schema.json`, schemaFile(`${name}.schema.json`, schema));
  }
  files.set("docs/policy.md", policyPage(read("docs/policy.md")));
  const actions = actionPages();
  for (const action of actions) {
    const file = `actions/${action.folder}/README.md`;
    files.set(file, actionReadme(read(file), action));
  }
  if (existsSync(join(root, "README.md"))) files.set("README.md", mainReadme(read("README.md"), actions));
  return files;
}

function actionPages(): ActionPage[] {
  const folder = join(root, "actions");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .filter((name) => existsSync(join(folder, name, "action.yml")))
    .map((name) => ({ folder: name, actionYml: readFileSync(join(folder, name, "action.yml"), "utf8") }));
}
