/** The real case behind the funnel: the artifact client never settles when the service drops its connection. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runStep, type StepEnd } from "./step.ts";

const requests: string[] = [];
let service: Server;

beforeAll(async () => {
  service = createServer((request, response) => {
    requests.push(request.url ?? "");
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
      response.write('{"ok": true, ');
      setImmediate(() => response.destroy());
    });
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
});

afterAll(() => void service.close());

const upload = (how: "bare" | "funnel"): Promise<StepEnd> => {
  const claims = Buffer.from(JSON.stringify({ scp: "Actions.Results:run-1:job-1" })).toString("base64url");
  const file = fileURLToPath(import.meta.url);
  return runStep({
    entry: "upload.ts",
    args: [how, file, dirname(file)],
    env: {
      ACTIONS_RUNTIME_TOKEN: `e30.${claims}.x`,
      ACTIONS_RESULTS_URL: `http://127.0.0.1:${(service.address() as AddressInfo).port}/`,
    },
  });
};

test("the bare client exits with 0 and has uploaded nothing", async () => {
  requests.length = 0;
  const step = await upload("bare");
  expect(requests).toEqual(["/twirp/github.actions.results.api.v1.ArtifactService/CreateArtifact"]);
  expect(step.code).toBe(0);
  expect(step.stdout).not.toContain("uploaded\n");
  expect(step.stdout).not.toContain("::error");
});

test("through the funnel the same upload exits with 1 and says so", async () => {
  requests.length = 0;
  const step = await upload("funnel");
  expect(requests).toHaveLength(1);
  expect(step.code).toBe(1);
  expect(step.commands.filter((line) => line.startsWith("::error"))).toHaveLength(1);
  expect(step.stdout).toContain("The work stopped without an end");
  expect(JSON.parse(step.outputs["record"] ?? "")).toMatchObject({ outcome: "failure", exitCode: 1 });
});
