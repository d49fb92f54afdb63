// The terminals' colours. Both palettes keep their distance from the background; xterm.js sees to the rest.

const DARK = {
  background: "#15131b", foreground: "#e9e6f0", cursor: "#c9b6f2", cursorAccent: "#15131b",
  selectionBackground: "#5b4a86", selectionInactiveBackground: "#3b3450",
  black: "#2b2734", red: "#f47c86", green: "#8fd19e", yellow: "#e6c877", blue: "#8ab4f8", magenta: "#cf9ff0",
  cyan: "#7fd0d8", white: "#d6d2df", brightBlack: "#8b8497", brightRed: "#ff9aa2", brightGreen: "#a9e5b6",
  brightYellow: "#f5dc98", brightBlue: "#adccff", brightMagenta: "#e0bcfa", brightCyan: "#a2e4ea", brightWhite: "#ffffff",
  scrollbarSliderBackground: "#ffffff26", scrollbarSliderHoverBackground: "#ffffff40",
  scrollbarSliderActiveBackground: "#ffffff59", overviewRulerBorder: "#15131b",
};

const LIGHT = {
  background: "#fdfcff", foreground: "#25212e", cursor: "#5b4190", cursorAccent: "#fdfcff",
  selectionBackground: "#cfc0f0", selectionInactiveBackground: "#e4def0",
  black: "#25212e", red: "#b3261e", green: "#1d6b3a", yellow: "#7a5600", blue: "#1f55b5", magenta: "#7c2fa8",
  cyan: "#0b6672", white: "#625d6e", brightBlack: "#625d6e", brightRed: "#c5352c", brightGreen: "#247a44",
  brightYellow: "#8a6200", brightBlue: "#2a64cc", brightMagenta: "#8d3cba", brightCyan: "#107684", brightWhite: "#3a3544",
  scrollbarSliderBackground: "#0000001f", scrollbarSliderHoverBackground: "#00000038",
  scrollbarSliderActiveBackground: "#0000004d", overviewRulerBorder: "#fdfcff",
};

/** For xterm.js' `theme`. */
export function palette(dark) {
  return dark ? DARK : LIGHT;
}

/** The same for the history, where the match that one looks at is what is selected. */
export function searched(dark) {
  const background = markings(dark).activeMatchBackground;
  return { ...palette(dark), selectionBackground: background, selectionInactiveBackground: background, selectionForeground: "#15131b" };
}

/** For the search addon's `decorations`; it takes #RRGGBB only. */
export function markings(dark) {
  return dark
    ? {
        matchBackground: "#4a3f18", matchOverviewRuler: "#b08f2e",
        activeMatchBackground: "#c59b22", activeMatchColorOverviewRuler: "#ffd75e",
      }
    : {
        matchBackground: "#fff0b8", matchOverviewRuler: "#d0a92c",
        activeMatchBackground: "#f2bd2d", activeMatchColorOverviewRuler: "#8a6200",
      };
}
