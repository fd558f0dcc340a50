/** The fields that the Management API takes back, out of the schemas of its requests. */
interface ObjectSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, ObjectSchema>>;
  readonly anyOf?: readonly ObjectSchema[];
}

/** Our name of a setting, and the operation that writes it. */
const writers = {
  auth: "patch /v1/projects/{ref}/config/auth",
  "data-api": "patch /v1/projects/{ref}/postgrest",
  storage: "patch /v1/projects/{ref}/config/storage",
  realtime: "patch /v1/projects/{ref}/config/realtime",
  postgres: "put /v1/projects/{ref}/config/database/postgres",
} as const;

/** By setting: names of fields, those of inner objects behind a dot; a question mark where null is taken too. */
export function acceptedFields(
  operations: Readonly<Record<string, { readonly request?: unknown }>>,
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(writers).map(([setting, operation]) => [
      setting,
      leaves(operations[operation]?.request as ObjectSchema, "").sort(),
    ]),
  );
}

function leaves({ properties = {} }: ObjectSchema, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    if (schema.properties !== undefined) return leaves(schema, `${prefix}${name}.`);
    const takesNull = schema.anyOf?.some(({ type }) => type === "null") ?? false;
    return [`${prefix}${name}${takesNull ? "?" : ""}`];
  });
}

export function acceptedFieldsModule(fields: Readonly<Record<string, readonly string[]>>): string {
  const entries = Object.entries(fields).map(
    ([setting, names]) => `${JSON.stringify(setting)}: words(\`\n${wrapped(names)}\n\`),`,
  );
  return `/**
 * Written by scripts/reduce-management-api.ts: the fields that the Management API takes back, by setting. Those of inner
 * objects stand behind a dot; a question mark follows where null is taken too.
 */
const words = (text: string): readonly string[] => text.trim().split(/\\s+/);

export const acceptedFields = {
${entries.join("\n")}
} as const;
`;
}

function wrapped(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + name.length < 110) lines[lines.length - 1] = `${last} ${name}`;
    else lines.push(name);
  }
  return lines.join("\n");
}
