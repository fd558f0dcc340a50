import { expect, it } from "vitest";
import { acceptedFields as derived } from "../../../scripts/accepted-fields.ts";
import { acceptedFields } from "../../../src/supabase/accepted-fields.ts";
import { isAuthSecret } from "../../../src/supabase/project-secrets.ts";
import { startManagementServer } from "../../fakes/management/index.ts";
import { emptiest, misfit, operations } from "../../fakes/management/schema.ts";
import { fill, oldRef } from "./projects.ts";

it("answers every operation as Supabase's own schema says", async () => {
  await using server = await startManagementServer();
  const project = server.addProject(oldRef);
  fill(project);
  Object.assign(project.auth, { saml_enabled: true });
  project.hostname = emptiest(operations["get /v1/projects/{ref}/custom-hostname"]!.response!) as Record<
    string,
    unknown
  >;
  project.ssoProviders.push({ id: "sso", saml: { id: "saml", entity_id: "https://idp.example" } });
  for (const [operation, { status, response, request, query }] of Object.entries(operations)) {
    const [method = "", path = ""] = operation.split(" ");
    const isFunction = query !== undefined;
    const sent =
      request === undefined ? undefined : operation.startsWith("post") ? {} : emptiest(request as never);
    const answer = await fetch(
      server.url +
        path.replace("{ref}", oldRef).replace("{function_slug}", "second") +
        (isFunction ? `?name=third${method === "post" ? "&slug=third" : ""}` : ""),
      {
        method: method.toUpperCase(),
        headers: {
          authorization: `Bearer ${server.token}`,
          ...(sent === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
      },
    );
    expect([operation, answer.status]).toEqual([operation, status]);
    const text = await answer.text();
    expect(misfit(response, text === "" ? undefined : JSON.parse(text)), operation).toBeUndefined();
  }
});

it("refuses what the schema does not allow, and whom it does not know", async () => {
  await using server = await startManagementServer();
  server.addProject(oldRef);
  const patch = async (value: unknown, token = server.token) =>
    (
      await fetch(`${server.url}/v1/projects/${oldRef}/postgrest`, {
        method: "PATCH",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(value),
      })
    ).status;
  expect(await patch({ max_rows: 10 })).toBe(200);
  expect(await patch({ jwt_secret: "x" })).toBe(400);
  expect(await patch({ db_pool: null })).toBe(400);
  expect(await patch({ max_rows: 10 }, "sbp_other")).toBe(401);
});

it("knows the fields that the API takes back as the schema has them", () => {
  expect(acceptedFields).toEqual(derived(operations));
});

it("knows every auth setting whose name says that it is a secret", () => {
  const { properties = {} } = operations["get /v1/projects/{ref}/config/auth"]!.response!;
  const named = Object.keys(properties).filter((field) =>
    /(?:secrets?|pass|password|token|key)$/.test(field),
  );
  expect(named.length).toBeGreaterThan(30);
  // The name of an account, which the platform shows.
  expect(named.filter((field) => !isAuthSecret(field))).toEqual(["sms_vonage_api_key"]);
});
