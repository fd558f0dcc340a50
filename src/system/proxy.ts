/** HTTP goes through the proxy that the machine's environment names (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), as elsewhere. */
import { Agent as HttpAgent, setGlobalProxyFromEnv } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { proxyEnvironment } from "./environment.ts";

/** For `fetch` and for every request without an agent of its own; before the first of them. */
export function useProxyOfEnvironment(): void {
  const proxyEnv = proxyEnvironment();
  if (proxyEnv !== undefined) setGlobalProxyFromEnv(proxyEnv);
}

/** For a client that makes its own agents; undefined where no proxy is named. */
export function proxiedAgents():
  { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent } | undefined {
  const proxyEnv = proxyEnvironment();
  if (proxyEnv === undefined) return undefined;
  const options = { keepAlive: true, maxSockets: 50, proxyEnv };
  return { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent(options) };
}
