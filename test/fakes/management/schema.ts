/** The Management API's own schemas: what may be sent, what is answered, and an answer that says nothing yet. */
import { readFileSync } from "node:fs";
import { Ajv, type AnySchema, type ValidateFunction } from "ajv";

export interface Operation {
  readonly status: number;
  readonly response?: Schema;
  readonly request?: AnySchema;
  readonly query?: AnySchema;
}

export interface Schema {
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

const file = new URL("../../fixtures/management/openapi.json", import.meta.url);
export const { operations } = JSON.parse(readFileSync(file, "utf8")) as {
  readonly operations: Readonly<Record<string, Operation>>;
};

const ajv = new Ajv({ strict: false, allErrors: true, coerceTypes: false });
/** A query is text. */
const queries = new Ajv({ strict: false, allErrors: true, coerceTypes: true });
const compiled = new Map<unknown, ValidateFunction>();

/** Why a value does not fit; undefined where it does, or where nothing is promised. */
export function misfit(
  schema: AnySchema | Schema | undefined,
  value: unknown,
  kind: "body" | "query" = "body",
): string | undefined {
  if (schema === undefined) return undefined;
  const validate = compiled.get(schema) ?? (kind === "query" ? queries : ajv).compile(schema);
  compiled.set(schema, validate);
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}

/** The emptiest value that fits. */
export function emptiest(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) {
    return schema.anyOf.some(({ type }) => type === "null") ? null : emptiest(schema.anyOf[0]!);
  }
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {})
          .filter(([name]) => schema.required?.includes(name) === true)
          .map(([name, inner]) => [name, emptiest(inner)]),
      );
    case "array":
      return [];
    case "number":
      return schema.minimum ?? 0;
    case "boolean":
      return false;
    case "string":
      return "x".repeat(schema.minLength ?? 0);
    case undefined:
    default:
      return null;
  }
}
