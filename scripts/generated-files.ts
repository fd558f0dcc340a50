/** What is written from one source of truth: each function gives the text of one file, none touches the disk. */
import { parse } from "yaml";
import { z } from "zod";
import { type ErrorEntry, errorCatalogue } from "../src/error-catalogue.ts";
import { policyFileSchema } from "../src/policy/schema.ts";
import { tiers } from "../src/snapshot/snapshot-json.ts";

export function errorsPage(): string {
  const exitCodes: Readonly<Record<ErrorEntry["exitCode"], string>> = {
    1: "The work failed. Nothing half-done is visible.",
    2: "The inputs or the surroundings must change first. Nothing was started.",
    3: "A check found the backup bad: changed, missing, unreadable.",
    4: "It could not be checked: a newer format, a missing extension. That is never a pass.",
  };
  const codes = Object.entries<ErrorEntry>(errorCatalogue).sort(([left], [right]) => (left < right ? -1 : 1));
  const sections = codes.map(
    ([code, { exitCode, meaning, cure }]) =>
      `## ${code}\n\n${meaning}\n\n**What to do:** ${cure}\n\nExit code ${exitCode}.`,
  );
  return `<!-- Written by \`npm run docs\` from src/error-catalogue.ts. -->

# Errors

Every error has a code, one sentence about this very case, and a hint. Where the two disagree with this page, they know more.

| Exit code | Means |
| --- | --- |
| 0 | Done, and proven done. |
${Object.entries(exitCodes)
  .map(([exitCode, means]) => `| ${exitCode} | ${means} |`)
  .join("\n")}

${sections.join("\n\n")}
`;
}

const entry = z.object({
  description: z.string(),
  required: z.boolean().optional(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
});
const actionSchema = z.object({
  name: z.string(),
  description: z.string(),
  inputs: z.record(z.string(), entry).default({}),
  outputs: z.record(z.string(), z.object({ description: z.string() })).default({}),
});

export interface ActionPage {
  readonly folder: string;
  readonly actionYml: string;
}

/** An action's README with its two tables renewed. */
export function actionReadme(readme: string, { folder, actionYml }: ActionPage): string {
  const { inputs, outputs } = actionSchema.parse(parse(actionYml));
  const inputRows = Object.entries(inputs).map(([name, input]) => [
    `\`${name}\``,
    `${input.required === true ? "**Required.** " : ""}${input.description}`,
    input.default === undefined || input.default === "" ? "" : `\`${input.default}\``,
  ]);
  const outputRows = Object.entries(outputs).map(([name, output]) => [`\`${name}\``, output.description]);
  const file = `actions/${folder}/README.md`;
  const withInputs = replaceSection(
    readme,
    "inputs",
    table(["Input", "Meaning", "Default"], inputRows),
    file,
  );
  return replaceSection(withInputs, "outputs", table(["Output", "Meaning"], outputRows), file);
}

/** The main README with its table of actions renewed. */
export function mainReadme(readme: string, actions: readonly ActionPage[]): string {
  if (actions.length === 0) return readme;
  const rows = actions.map(({ folder, actionYml }) => {
    const { name, description } = actionSchema.parse(parse(actionYml));
    return [`[\`${folder}\`](actions/${folder}/README.md)`, name, description];
  });
  return replaceSection(readme, "actions", table(["Action", "Name", "What it does"], rows), "README.md");
}

/** docs/policy.md with its table of fields renewed. */
export function policyPage(page: string): string {
  const schema = z.toJSONSchema(policyFileSchema, { io: "input" });
  const rows = fieldRows(schema as JsonField, "").map(({ path, kind, field, isRequired }) => [
    `\`${path}\``,
    kind,
    `${isRequired ? "**Required.** " : ""}${field.description ?? ""}`,
  ]);
  return replaceSection(page, "fields", table(["Field", "Kind", "Meaning"], rows), "docs/policy.md");
}

interface JsonField {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly examples?: readonly unknown[];
  readonly description?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonField>>;
  readonly additionalProperties?: JsonField | boolean;
  readonly items?: JsonField;
  readonly anyOf?: readonly JsonField[];
  readonly oneOf?: readonly JsonField[];
}

interface FieldRow {
  readonly path: string;
  readonly kind: string;
  readonly field: JsonField;
  readonly isRequired: boolean;
}

function fieldRows(parent: JsonField, prefix: string): readonly FieldRow[] {
  return Object.entries(parent.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const isRequired = parent.required?.includes(name) ?? false;
    return [{ path, kind: kindOfField(field), field, isRequired }, ...rowsInside(field, path)];
  });
}

function rowsInside(field: JsonField, path: string): readonly FieldRow[] {
  if (isSecret(field)) return [];
  if (isByTier(field) || field.anyOf?.some(isByTier) === true) return [];
  const entries = typeof field.additionalProperties === "object" ? field.additionalProperties : undefined;
  if (entries !== undefined) {
    return (entries.oneOf ?? []).flatMap((shape) => {
      const type = String(shape.properties?.["type"]?.const);
      const rows = fieldRows(shape, `${path}.NAME.`).filter((row) => !row.path.endsWith(".type"));
      return rows.map((row) => ({ ...row, path: row.path.replace(".NAME.", `.NAME (${type}).`) }));
    });
  }
  const inside = [field, ...(field.anyOf ?? [])].filter((one) => !isSecret(one));
  return [
    ...inside.flatMap((one) => fieldRows(one, `${path}.`)),
    ...(field.items === undefined ? [] : fieldRows(field.items, `${path}[].`)),
  ];
}

function kindOfField(field: JsonField): string {
  if (isSecret(field)) return "`{ secret: NAME }`";
  if (isByTier(field)) return "map by tier";
  if (field.anyOf !== undefined) return [...new Set(field.anyOf.map(kindOfField))].join(" or ");
  if (field.enum !== undefined) return field.enum.map((word) => `\`${String(word)}\``).join(", ");
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  if (field.examples?.[0] === "30d") return "duration";
  if (field.type === "array") return `list of ${field.items === undefined ? "" : kindOfField(field.items)}`;
  const kinds: Readonly<Record<string, string>> = {
    object: "map",
    string: "text",
    integer: "whole number",
    number: "number",
    boolean: "true or false",
  };
  return [field.type ?? []]
    .flat()
    .map((type) => kinds[type] ?? type)
    .join(" or ");
}

function isByTier({ properties }: JsonField): boolean {
  return properties !== undefined && Object.keys(properties).join() === tiers.join();
}

function isSecret({ properties }: JsonField): boolean {
  return properties !== undefined && Object.keys(properties).join() === "secret";
}

/** A Markdown table; a cell has one line. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "None.";
  const cell = (text: string): string =>
    text
      .trim()
      .replaceAll(/\s*\n\s*/g, " ")
      .replaceAll("|", "\\|");
  return [heads, heads.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");
}

/** Replaces what stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`. */
export function replaceSection(text: string, name: string, content: string, file: string): string {
  const [start, end] = [`<!-- generated: ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to < from) {
    throw new Error(
      `${file} needs the lines "${start}" and "${end}", where the table of ${name} shall stand.`,
    );
  }
  return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`;
}

/** Open to fields of later versions: whoever validates by an older schema must not refuse a newer document. */
export function schemaFile(id: string, schema: z.ZodType): string {
  return JSON.stringify({ $id: id, ...z.toJSONSchema(schema, { io: "input" }) });
}

export function versionModule(packageJson: string): string {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(packageJson));
  return `/** Written by \`npm run docs\` from package.json. */\nexport const version = ${JSON.stringify(version)};\n`;
}
