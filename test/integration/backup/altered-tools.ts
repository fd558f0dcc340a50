/** PostgreSQL's own client programs with one of them behind a shell script: held back, watched or disobedient. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientProgram, ClientTools } from "../../../src/postgres/client-tools.ts";
import { toolsOf } from "./backing-up.ts";

const programs = ["pg_dump", "pg_restore", "pg_dumpall", "psql"] as const;

/** The tools of `major` in a folder of their own; `script` runs before the real `program`, which is `"$real"`. */
export async function alteredTools(
  folder: string,
  { major = 15, program = "pg_dump", script }: { major?: number; program?: ClientProgram; script: string },
): Promise<ClientTools> {
  const real = await toolsOf(major);
  const binDir = await mkdtemp(join(folder, "tools-"));
  for (const name of programs) {
    const path = join(real.binDir, name);
    if (name !== program) await symlink(path, join(binDir, name));
    else await writeFile(join(binDir, name), `#!/bin/bash\nreal='${path}'\n${script}\n`, { mode: 0o755 });
  }
  return { ...real, binDir };
}

export interface HeldTools {
  readonly tools: ClientTools;
  /** Resolves when so many dumps have been started and wait. */
  started(count: number): Promise<void>;
  release(): Promise<void>;
}

/** pg_dump that begins its work only when it is released. */
export async function heldTools(folder: string, major = 15): Promise<HeldTools> {
  const gate = await mkdtemp(join(folder, "gate-"));
  await mkdir(join(gate, "waiting"));
  const script = `touch '${gate}/waiting/'$$
    while [ ! -e '${gate}/open' ]; do
      # A test that failed opens no gate.
      [ -d '${gate}' ] && kill -0 $PPID || exit 1
      sleep 0.02
    done
    exec "$real" "$@"`;
  return {
    tools: await alteredTools(folder, { major, script }),
    started: (count) => until(async () => (await readdir(join(gate, "waiting"))).length >= count),
    release: () => writeFile(join(gate, "open"), ""),
  };
}

export interface WatchedTools {
  readonly tools: ClientTools;
  /** The arguments of every call so far, one list a call. */
  calls(): Promise<readonly (readonly string[])[]>;
}

/** pg_dump that notes what stood on its command line, where everybody on the machine can read it. */
export async function watchedTools(folder: string, major = 15): Promise<WatchedTools> {
  const notes = await mkdtemp(join(folder, "argv-"));
  const script = `printf '%s\\0' "$@" > '${notes}/'$$; exec "$real" "$@"`;
  return {
    tools: await alteredTools(folder, { major, script }),
    calls: async () => {
      const files = existsSync(notes) ? await readdir(notes) : [];
      const texts = await Promise.all(files.map((name) => readFile(join(notes, name), "utf8")));
      return texts.map((text) => text.split("\0").slice(0, -1));
    },
  };
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}
