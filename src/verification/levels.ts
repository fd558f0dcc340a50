/** How far a check goes. Each level includes the ones before it; `stored` needs no key and never counts as verified. */
export const levels = ["stored", "unsealed", "restored"] as const;
export type VerifyLevel = (typeof levels)[number];
