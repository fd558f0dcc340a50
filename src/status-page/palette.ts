/** The colours of both themes; a test computes that every pair that is used can be told apart. */

export const palette = {
  light: {
    ground: "#ffffff",
    panel: "#f5f6f4",
    line: "#d9dcd6",
    /** Of controls and of cells that hold something: at least 3:1. */
    edge: "#7d8680",
    text: "#1c211e",
    quiet: "#57605a",
    link: "#0b5c8a",
    good: "#1b7447",
    warn: "#8a5a00",
    bad: "#b3261e",
  },
  dark: {
    ground: "#141715",
    panel: "#1c201d",
    line: "#343a36",
    edge: "#7f8a83",
    text: "#e3e7e4",
    quiet: "#a3ada6",
    link: "#83c3ec",
    good: "#5fc58f",
    warn: "#e2b04a",
    bad: "#ff9188",
  },
} as const;

export type Colour = keyof (typeof palette)["light"];
