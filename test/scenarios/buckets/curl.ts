/** A client that is not ours: one curl process for thousands of requests, each answer in a file of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** The files with the answers, in the order of `paths` (below `/storage/v1/`); throws unless each has come with 200. */
export async function curlAll(
  server: { readonly url: string; readonly secretKey: string },
  paths: readonly string[],
  folder: string,
): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const files = paths.map((_, at) => join(folder, String(at)));
  const config = paths.map(
    (path, at) => `url = "${server.url}/storage/v1/${path}"\noutput = "${files[at]!}"\n`,
  );
  const configFile = join(folder, "config");
  // Not on the command line, which everybody on the machine can read.
  await writeFile(configFile, `header = "apikey: ${server.secretKey}"\n${config.join("")}`);
  const flags = ["--no-progress-meter", "--fail", "--path-as-is", "--globoff", "--parallel"];
  const child = spawn("curl", [...flags, "--parallel-max", "16", "--config", configFile], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [stderr] = await Promise.all([text(child.stderr), once(child, "close")]);
  if (child.exitCode !== 0 || stderr !== "")
    throw new Error(`curl ended with ${child.exitCode}: ${stderr.slice(0, 2000)}`);
  return files;
}

/** As a URL has them; `kind` is `object/info` or `object/authenticated`. */
export function pathOf(
  kind: string,
  { bucket, name }: { readonly bucket: string; readonly name: string },
): string {
  return `${kind}/${[bucket, ...name.split("/")].map(encodeURIComponent).join("/")}`;
}
