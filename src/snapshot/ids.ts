/** Snapshot ids: `<UTC basic ISO>-<random>`, so that they sort by time and never collide. */
import { randomBytes } from "node:crypto";

const shape = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-[0-9a-f]{12}$/;

/** A new id for a snapshot started at `moment`, for example `20261123T031207Z-9f2c51e0a7b4`. */
export function newSnapshotId(moment: Date): string {
  return `${basicIso(moment)}-${randomBytes(6).toString("hex")}`;
}

export function isSnapshotId(text: string): boolean {
  return shape.test(text);
}

/** The moment that an id carries, to the second; undefined where `id` is not a snapshot id. */
export function momentOfId(id: string): Date | undefined {
  const match = shape.exec(id);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match.map(Number);
  return new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second));
}

/** `20261123T031207Z` */
export function basicIso(moment: Date): string {
  return `${moment.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}
