/**
 * Supabase's Management API on 127.0.0.1. Requests that its OpenAPI document does not allow are refused with 400, closed
 * to fields that it does not name; an answer of our own that it does not allow is a 599, which no test takes for another.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Effect, Faults } from "../storage/faults.ts";
import { type FakeProject, newProject } from "./project.ts";
import { type Answer, type Asked, routes } from "./routes.ts";
import { misfit, operations } from "./schema.ts";

export type { FakeProject } from "./project.ts";
export { putFunction } from "./project.ts";

export interface ManagementServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly faults: Faults;
  /** `GET /v1/projects/…` without the query, in their order. */
  readonly requests: string[];
  addProject(ref: string): FakeProject;
  close(): Promise<void>;
}

export async function startManagementServer(): Promise<ManagementServer> {
  const token = "sbp_0123456789abcdef0123456789abcdef01234567";
  const faults = new Faults();
  const requests: string[] = [];
  const projects = new Map<string, FakeProject>();
  const server = createServer((request, response) => {
    void serve(request, response, { token, faults, requests, projects }).catch((error: unknown) => {
      if (!response.headersSent) send(response, { status: 599, value: { message: String(error) } });
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((done) => server.close(() => done()));
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    faults,
    requests,
    addProject: (ref) => {
      const project = newProject(ref);
      projects.set(ref, project);
      return project;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface State {
  readonly token: string;
  readonly faults: Faults;
  readonly requests: string[];
  readonly projects: ReadonlyMap<string, FakeProject>;
}

async function serve(request: IncomingMessage, response: ServerResponse, state: State): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
  const method = request.method ?? "GET";
  state.requests.push(`${method} ${pathname}`);
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const effect = state.faults.take(`${method} ${pathname}`);
  if (effect !== undefined && effect.kind !== "drop-answer") {
    disturb(response, effect);
    return;
  }
  const answer = answerOf({ method, pathname, searchParams, body, request }, state);
  if (effect !== undefined) response.destroy();
  else send(response, answer);
}

function disturb(response: ServerResponse, effect: Effect): void {
  if (effect.kind === "status") {
    response.writeHead(effect.status, { "content-type": "application/json", ...effect.headers });
    response.end(JSON.stringify(effect.body ?? { message: `Status ${effect.status}` }));
  } else if (effect.kind === "stall") {
    response.writeHead(200, { "content-type": "application/json" });
    response.write("[".repeat(effect.after));
  } else response.destroy();
}

function answerOf(
  {
    method,
    pathname,
    searchParams,
    body,
    request,
  }: Omit<Asked, "project" | "slug" | "value"> & {
    readonly method: string;
    readonly pathname: string;
    readonly request: IncomingMessage;
  },
  { token, projects }: State,
): Answer {
  if (request.headers.authorization !== `Bearer ${token}`)
    return { status: 401, value: { message: "Unauthorized" } };
  const [, ref = "", rest = ""] = /^\/v1\/projects\/([^/]+)(.*)$/.exec(pathname) ?? [];
  const project = projects.get(ref);
  if (project === undefined) return { status: 404, value: { message: "Project not found" } };
  const [, slug, more = ""] = /^\/functions\/([^/]+)(.*)$/.exec(rest) ?? [];
  const path = slug === undefined ? rest : `/functions/{function_slug}${more}`;
  const key = `${method.toLowerCase()} /v1/projects/{ref}${path}`;
  const route = routes[key];
  if (route === undefined) return { status: 404, value: { message: `Cannot ${method} ${pathname}` } };
  const operation = operations[key];
  const isJson = request.headers["content-type"]?.includes("json") === true;
  const value: unknown = isJson ? JSON.parse(body.toString("utf8")) : undefined;
  const wrong =
    misfit(operation?.request, value) ?? misfit(operation?.query, Object.fromEntries(searchParams), "query");
  if (wrong !== undefined) return { status: 400, value: { message: wrong } };
  const answer = route({ project, slug: slug ?? "", value, body, searchParams });
  const status = answer.status ?? operation?.status ?? 200;
  if (status >= 400) return answer;
  const broken = misfit(operation?.response, answer.value);
  if (broken !== undefined) throw new Error(`${key} answers what the API does not: ${broken}`);
  return { ...answer, status };
}

function send(response: ServerResponse, { status = 200, value, bytes, contentType }: Answer): void {
  const body = bytes ?? (value === undefined ? undefined : Buffer.from(JSON.stringify(value)));
  response.writeHead(status, {
    ...(body === undefined
      ? {}
      : { "content-type": contentType ?? "application/json", "content-length": body.length }),
  });
  response.end(body);
}
