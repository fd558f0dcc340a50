/** Numbers and moments in few characters. */

const units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
] as const;

/** The two largest units: `3 d 4 h`, `12 min`, `0 s`. */
export function briefly(totalMs: number): string {
  const rounded = Math.max(0, Math.round(totalMs / 1000) * 1000);
  const first = units.findIndex(([size]) => rounded >= size);
  const [size, unit] = units[first] ?? [1000, "s"];
  const amount = Math.floor(rounded / size);
  const [nextSize, nextUnit] = units[first + 1] ?? [1, ""];
  if (first === -1) return "0 s";
  const rest = Math.floor((rounded - amount * size) / nextSize);
  return rest === 0 || nextUnit === "" ? `${amount} ${unit}` : `${amount} ${unit} ${rest} ${nextUnit}`;
}

/** `1.3 GB`, in powers of 1000. */
export function bytesInWords(bytes: number): string {
  const names = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = bytes < 1 ? 0 : Math.min(names.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${names[power] ?? ""}`;
}

/** `2026-11-23 03:12` */
export function minutesOf(moment: Date): string {
  return moment.toISOString().slice(0, 16).replace("T", " ");
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
export const monthNames: readonly string[] = months;

/** `23 Nov`, of `2026-11-23…` */
export function shortDay(isoDay: string): string {
  return `${Number(isoDay.slice(8, 10))} ${months[Number(isoDay.slice(5, 7)) - 1] ?? ""}`;
}

/** `1 backup`, `2 backups` */
export function counted(count: number, what: string): string {
  return `${count.toLocaleString("en-US")} ${what}${count === 1 ? "" : "s"}`;
}
