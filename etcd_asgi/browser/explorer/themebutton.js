// The button that goes from the system's colours to light, to dark, and back.

import { button, fill } from "./dom.js";

const SHAPES = { auto: "auto", light: "sun", dark: "moon" };

/** Fill a node with the button. */
export function themeButton(node) {
  const draw = () => {
    const { choice } = window.explorerTheme;
    const next = () => {
      window.explorerTheme.next();
      draw();
      node.firstChild.focus();
    };
    fill(node, button(`Theme: ${choice}`, { icon: SHAPES[choice], bare: true, kind: "quiet", onclick: next }));
  };
  draw();
}
