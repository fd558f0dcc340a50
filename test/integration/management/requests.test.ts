/** The Management API's failures, over real HTTP. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { ManagementApi, type ManagementOptions } from "../../../src/supabase/management-api.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type ManagementServer, startManagementServer } from "../../fakes/management/index.ts";
import { type Harbour, oldRef, openHarbour } from "./projects.ts";

let server: ManagementServer;
let harbour: Harbour;
beforeEach(async () => {
  server = await startManagementServer();
  harbour = await openHarbour(server);
  server.addProject(oldRef);
});
afterEach(async () => {
  await harbour[Symbol.asyncDispose]();
  await server.close();
});

const ask = (options: Partial<ManagementOptions> = {}) =>
  harbour.api(oldRef, options).read("/secrets", "the secrets");
const asked = () => server.requests.length;

/** Nothing of an error, its causes and its inside may hold the token. */
async function failureOf(work: Promise<unknown>): Promise<LifeboatError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(LifeboatError);
  for (let error = thrown; error instanceof Error; error = error.cause) {
    expect(`${error.message} ${error.stack ?? ""} ${JSON.stringify(error)}`).not.toContain(server.token);
  }
  return thrown as LifeboatError;
}

describe("a request to the Management API", () => {
  it("waits as long as a 429 asks for, and then goes on", async () => {
    const headers = { "retry-after": "17" };
    server.faults.add({ matches: "/secrets", times: 2, effect: { kind: "status", status: 429, headers } });
    expect(await ask()).toHaveProperty("value");
    expect(harbour.waits).toEqual([17_000, 17_000]);
  });

  it("never waits longer than two minutes for one try", async () => {
    const headers = { "retry-after": "86400" };
    server.faults.add({ matches: "/secrets", times: 1, effect: { kind: "status", status: 429, headers } });
    await ask();
    expect(harbour.waits).toEqual([120_000]);
  });

  it("is tried again after a 5xx and a broken connection, each time later", async () => {
    server.faults.add({ matches: "/secrets", times: 1, effect: { kind: "status", status: 502 } });
    server.faults.add({ matches: "/secrets", times: 1, effect: { kind: "drop" } });
    expect(await ask()).toHaveProperty("value");
    expect(harbour.waits).toEqual([500, 1000]);
  });

  it("gives up after the last try, with what the API said", async () => {
    server.faults.add({ matches: "/secrets", effect: { kind: "status", status: 503 } });
    const { code, message } = await failureOf(ask({ tries: 3 }));
    expect([code, asked()]).toEqual(["project-api-unreachable", 3]);
    expect(message).toBe(
      "Asked for the secrets: The Management API answered status 503, and so to the last try.",
    );
  });

  it.each([400, 402, 403, 404, 422])("is not repeated after a %d, which is an answer", async (status) => {
    server.faults.add({ matches: "/secrets", effect: { kind: "status", status } });
    expect(await ask()).toMatchObject({ failure: { status } });
    expect(asked()).toBe(1);
  });

  it("ends at once where the token is refused", async () => {
    server.faults.add({ matches: "/secrets", effect: { kind: "status", status: 401 } });
    expect((await failureOf(ask())).code).toBe("access-token-refused");
    expect(asked()).toBe(1);
  });

  it("does not wait for ever for a body that stops coming", async () => {
    server.faults.add({ matches: "/secrets", effect: { kind: "stall", after: 10 } });
    const { code, message } = await failureOf(ask({ tries: 2, idleMs: 50 }));
    expect([code, asked()]).toEqual(["project-api-unreachable", 2]);
    expect(message).toContain("gave no bytes within 50 ms");
  });

  it("that must not be done twice is repeated only where it was surely not done", async () => {
    const post = () =>
      harbour.api(oldRef).write({
        method: "POST",
        path: "/config/auth/third-party-auth",
        what: "third-party auth",
        value: { oidc_issuer_url: "https://issuer.example" },
        isRepeatable: false,
      });
    server.faults.add({ matches: "POST", times: 1, effect: { kind: "status", status: 429 } });
    expect(await post()).toHaveProperty("value");
    expect(asked()).toBe(2);
    server.faults.add({ matches: "POST", effect: { kind: "drop-answer" } });
    expect((await failureOf(post())).code).toBe("project-api-unreachable");
    expect(asked()).toBe(3);
  });
});

describe("an answer that no API gives", () => {
  let strange: Server;
  let requests = 0;
  async function strangeApi(
    listener: RequestListener,
    options: Partial<ManagementOptions> = {},
  ): Promise<ManagementApi> {
    requests = 0;
    strange = createServer((request, response) => {
      requests += 1;
      listener(request, response);
    });
    await new Promise<void>((listening) => strange.listen(0, "127.0.0.1", listening));
    const apiUrl = `http://127.0.0.1:${(strange.address() as AddressInfo).port}`;
    const sleep = () => Promise.resolve();
    return new ManagementApi(
      { apiUrl, project: oldRef, token: server.token },
      { logger: silentLogger, sleep, tries: 2, ...options },
    );
  }
  afterEach(() => {
    strange.closeAllConnections();
    strange.close();
  });

  it("comes to an end where none comes at all", async () => {
    const api = await strangeApi(() => {}, { answerMs: 50 });
    const { message } = await failureOf(api.read("", "the project"));
    expect(message).toContain("gave no answer within 50 ms");
    expect(requests).toBe(2);
  });

  it("is not read without end", async () => {
    const piece = Buffer.alloc(1024 * 1024, 32);
    const api = await strangeApi((_, response) => {
      response.on("error", () => {});
      const more = (): void => {
        while (!response.destroyed && response.write(piece));
        response.once("drain", more);
      };
      more();
    });
    expect((await failureOf(api.read("", "the project"))).code).toBe("project-api-unusable");
  });

  it("is not followed elsewhere, where the token would go too", async () => {
    const api = await strangeApi((_, response) => {
      response.writeHead(302, { location: `${server.url}/v1/projects/${oldRef}` }).end();
    });
    expect((await failureOf(api.read("", "the project"))).code).toBe("project-api-unusable");
    expect(server.requests).toEqual([]);
  });

  it("is refused where it is half a document", async () => {
    const api = await strangeApi((_, response) => void response.end('[{"name":"A'));
    expect((await failureOf(api.read("/secrets", "the secrets"))).code).toBe("project-api-unusable");
  });
});
