/**
 * Reduces Supabase's Management API to the operations that Lifeboat uses, as JSON schemas:
 * `node scripts/reduce-management-api.ts PACKAGE/dist/index.d.ts VERSION`, with the npm package supabase-management-js
 * unpacked, whose types are generated from the API's OpenAPI document (https://api.supabase.com/api/v1-json). Writes
 * test/fixtures/management/openapi.json, and the names of the fields that the API takes back into src/supabase.
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { format } from "prettier";
import ts from "typescript";
import { acceptedFields, acceptedFieldsModule } from "./accepted-fields.ts";

type Schema = Record<string, unknown>;

/** Operation, function of the package, type of what is sent, type of the query. */
const operations: readonly (readonly [string, string, (string | undefined)?, string?])[] = [
  ["get /v1/projects/{ref}", "v1GetProject"],
  ["get /v1/projects/{ref}/api-keys", "v1GetProjectApiKeys"],
  ["get /v1/projects/{ref}/billing/addons", "v1ListProjectAddons"],
  ["get /v1/projects/{ref}/config/auth", "v1GetAuthServiceConfig"],
  ["patch /v1/projects/{ref}/config/auth", "v1UpdateAuthServiceConfig", "UpdateAuthConfigBody"],
  ["get /v1/projects/{ref}/config/auth/signing-keys", "v1GetProjectSigningKeys"],
  ["get /v1/projects/{ref}/config/auth/sso/providers", "v1ListAllSsoProvider"],
  ["get /v1/projects/{ref}/config/auth/third-party-auth", "v1ListProjectTpaIntegrations"],
  [
    "post /v1/projects/{ref}/config/auth/third-party-auth",
    "v1CreateProjectTpaIntegration",
    "CreateThirdPartyAuthBody",
  ],
  ["get /v1/projects/{ref}/config/database/pooler", "v1GetPoolerConfig"],
  ["patch /v1/projects/{ref}/config/database/pooler", "v1UpdatePoolerConfig", "UpdateSupavisorConfigBody"],
  ["get /v1/projects/{ref}/config/database/postgres", "v1GetPostgresConfig"],
  ["put /v1/projects/{ref}/config/database/postgres", "v1UpdatePostgresConfig", "UpdatePostgresConfigBody"],
  ["get /v1/projects/{ref}/config/realtime", "v1GetRealtimeConfig"],
  ["patch /v1/projects/{ref}/config/realtime", "v1UpdateRealtimeConfig", "UpdateRealtimeConfigBody"],
  ["get /v1/projects/{ref}/config/storage", "v1GetStorageConfig"],
  ["patch /v1/projects/{ref}/config/storage", "v1UpdateStorageConfig", "UpdateStorageConfigBody"],
  ["get /v1/projects/{ref}/custom-hostname", "v1GetHostnameConfig"],
  ["get /v1/projects/{ref}/functions", "v1ListAllFunctions"],
  ["post /v1/projects/{ref}/functions", "v1CreateAFunction", undefined, "V1CreateAFunctionParams"],
  [
    "patch /v1/projects/{ref}/functions/{function_slug}",
    "v1UpdateAFunction",
    undefined,
    "V1UpdateAFunctionParams",
  ],
  ["get /v1/projects/{ref}/network-restrictions", "v1GetNetworkRestrictions"],
  [
    "post /v1/projects/{ref}/network-restrictions/apply",
    "v1UpdateNetworkRestrictions",
    "NetworkRestrictionsRequest",
  ],
  ["get /v1/projects/{ref}/postgrest", "v1GetPostgrestServiceConfig"],
  ["patch /v1/projects/{ref}/postgrest", "v1UpdatePostgrestServiceConfig", "V1UpdatePostgrestConfigBody"],
  ["get /v1/projects/{ref}/secrets", "v1ListAllSecrets"],
  ["get /v1/projects/{ref}/ssl-enforcement", "v1GetSslEnforcementConfig"],
  ["put /v1/projects/{ref}/ssl-enforcement", "v1UpdateSslEnforcementConfig", "SslEnforcementRequest"],
  ["get /v1/projects/{ref}/vanity-subdomain", "v1GetVanitySubdomainConfig"],
];

const [typesFile = "", version = ""] = process.argv.slice(2);
const program = ts.createProgram([resolve(typesFile)], { strict: true, noEmit: true });
const checker = program.getTypeChecker();
const source = program.getSourceFile(resolve(typesFile));
if (source === undefined || version === "") throw new Error("Give the package's index.d.ts and its version.");
const types = new Map<string, ts.Type>();
source.forEachChild((node) => {
  if (ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node))
    types.set(node.name.text, checker.getTypeAtLocation(node));
});

const reduced = Object.fromEntries(
  operations.map(([operation, name, request, query]) => {
    const status = [200, 201, 204].find((one) => types.has(`${name}Response${one}`));
    const answer = types.get(`${name}Response${status}`)?.getProperty("data");
    if (status === undefined || answer === undefined) throw new Error(`There is no answer of ${name}.`);
    const response = schemaOf(checker.getTypeOfSymbol(answer), false);
    return [
      operation,
      {
        status,
        ...(Object.keys(response).length === 0 ? {} : { response }),
        ...(request === undefined ? {} : { request: schemaOf(typeNamed(request), true) }),
        ...(query === undefined ? {} : { query: schemaOf(typeNamed(query), true) }),
      },
    ];
  }),
);
const document = {
  origin: `Supabase Management API v1, by the generated types of supabase-management-js ${version} (npm); reduced by scripts/reduce-management-api.ts`,
  operations: reduced,
};
const root = resolve(import.meta.dirname, "..");
await write("test/fixtures/management/openapi.json", JSON.stringify(document));
await write("src/supabase/accepted-fields.ts", acceptedFieldsModule(acceptedFields(reduced)));

async function write(file: string, text: string): Promise<void> {
  writeFileSync(join(root, file), await format(text, { filepath: file, printWidth: 110 }));
}

function typeNamed(name: string): ts.Type {
  const type = types.get(name);
  if (type === undefined) throw new Error(`The package has no type ${name}.`);
  return type;
}

/** Requests are closed: what the API does not name it may refuse, so we must not send it. */
function schemaOf(type: ts.Type, isRequest: boolean): Schema {
  if (type.isUnion()) return unionOf(type, isRequest);
  if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
  if ((type.flags & ts.TypeFlags.BooleanLiteral) !== 0)
    return { const: checker.typeToString(type) === "true" };
  if ((type.flags & ts.TypeFlags.String) !== 0) return { type: "string" };
  if ((type.flags & ts.TypeFlags.Number) !== 0) return { type: "number" };
  if ((type.flags & ts.TypeFlags.Null) !== 0) return { type: "null" };
  if (checker.isArrayType(type)) {
    const [item] = checker.getTypeArguments(type as ts.TypeReference);
    return { type: "array", items: item === undefined ? {} : schemaOf(item, isRequest) };
  }
  if ((type.flags & ts.TypeFlags.Object) === 0) return {};
  return objectOf(type, isRequest);
}

function unionOf(type: ts.UnionType, isRequest: boolean): Schema {
  const parts = type.types.filter((part) => (part.flags & ts.TypeFlags.Undefined) === 0);
  const words = parts.filter((part) => part.isStringLiteral()).map((part) => part.value);
  if (parts.length > 0 && words.length === parts.length) return { type: "string", enum: words };
  const isBoolean = parts.filter((part) => (part.flags & ts.TypeFlags.BooleanLiteral) !== 0).length === 2;
  const rest = parts.filter((part) => !isBoolean || (part.flags & ts.TypeFlags.BooleanLiteral) === 0);
  const all = [...(isBoolean ? [{ type: "boolean" }] : []), ...rest.map((part) => schemaOf(part, isRequest))];
  return all.length === 1 ? (all[0] ?? {}) : { anyOf: all };
}

function objectOf(type: ts.Type, isRequest: boolean): Schema {
  const properties: Schema = {};
  const required: string[] = [];
  for (const symbol of type.getProperties()) {
    const isOptional = (symbol.flags & ts.SymbolFlags.Optional) !== 0;
    if (!isOptional) required.push(symbol.name);
    properties[symbol.name] = {
      ...schemaOf(checker.getTypeOfSymbol(symbol), isRequest),
      ...limitsOf(symbol),
    };
  }
  const index = type.getStringIndexType();
  if (index !== undefined && Object.keys(properties).length === 0) return { type: "object" };
  return {
    type: "object",
    properties,
    ...(required.length === 0 ? {} : { required }),
    ...(isRequest ? { additionalProperties: false } : {}),
  };
}

/** What the OpenAPI document says besides the type stands in the comments. */
function limitsOf(symbol: ts.Symbol): Schema {
  const tags = new Map(
    symbol.getJsDocTags(checker).map(({ name, text }) => [name, ts.displayPartsToString(text).trim()]),
  );
  const limits: Schema = {};
  for (const name of ["minimum", "maximum", "minLength", "maxLength"]) {
    const value = Number(tags.get(name) ?? Number.NaN);
    if (Number.isFinite(value)) limits[name] = value;
  }
  const pattern = tags.get("pattern");
  return pattern === undefined ? limits : { ...limits, pattern };
}
