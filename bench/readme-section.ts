/** Measured tables live in bench/README.md, between markers, so that the next run replaces them and nothing else. */
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { format } from "prettier";

const readme = join(import.meta.dirname, "README.md");

export async function replaceSection(name: string, markdown: string): Promise<void> {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const text = await readFile(readme, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`bench/README.md has no markers for "${name}".`);
  const renewed = `${text.slice(0, from)}${begin}\n\n${markdown}\n\n${text.slice(to)}`;
  await writeFile(readme, await format(renewed, { parser: "markdown", printWidth: 110 }));
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? "---" : "--:"))), ...rows.map(line)].join(
    "\n",
  );
}

/** One sentence about where the numbers come from. */
export function machineFacts(programs: readonly (readonly string[])[]): string {
  const versions = programs.map(([program = "", ...args]) => {
    try {
      const text = execFileSync(program, args, { stdio: ["ignore", "pipe", "ignore"] }).toString();
      const said = text.split("\n")[0]?.replaceAll("*", "").trim() ?? "";
      return said.includes(" ") ? said : `${program} ${said}`;
    } catch {
      return `${program} is not installed`;
    }
  });
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${memory} GiB of memory`,
    `load average ${loadavg()[1]?.toFixed(1) ?? "unknown"} over the last five minutes`,
    `Node ${process.versions.node}`,
    ...versions,
  ].join("; ");
}

export function todaysDate(): string {
  return new Date().toISOString().slice(0, 10);
}
