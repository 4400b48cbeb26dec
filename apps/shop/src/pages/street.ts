import { type Html, html } from "../html.ts";

const DARK = "#141a38";
const NEAR = "#1c2448";
const LIT = "#ffd083";

/** A house of the street: where it stands, how wide and high, its roof, and which of its windows are lit. */
const house = (x: number, width: number, height: number, roof: number, fill: string, windows: string): Html => {
  const top = 300 - height;
  const columns = Math.max(1, Math.floor((width - 12) / 26));
  const margin = (width - columns * 26 + 12) / 2;
  return html`<path d="M${x} 300V${top}l${width / 2} ${-roof} ${width / 2} ${roof}V300Z" fill="${fill}"/>
${[...windows].map((state, at) => {
  const left = x + margin + (at % columns) * 26;
  const down = top + 14 + Math.floor(at / columns) * 34;
  return html`<rect x="${left}" y="${down}" width="14" height="20" rx="1.5" fill="${state === "1" ? LIT : "#2b3566"}"/>`;
})}`;
};

/** The picture on the home page: a street in the evening, somebody at home here and there. Decorative. */
export const street: Html = html`<svg class="street" viewBox="0 0 1200 300" preserveAspectRatio="xMaxYMax slice" aria-hidden="true">
<defs><radialGradient id="halo"><stop stop-color="${LIT}" stop-opacity=".7"/><stop offset="1" stop-color="${LIT}" stop-opacity="0"/></radialGradient></defs>
<path d="M930 22a28 28 0 1 0 34 34 33 33 0 0 1-34-34Z" fill="#fdeecb"/>
${house(600, 86, 120, 0, DARK, "010001000")}
${house(720, 110, 150, 30, DARK, "0010100000010")}
${house(860, 80, 104, 26, DARK, "0100")}
${house(980, 120, 168, 0, DARK, "01000010001000010")}
${house(1110, 90, 124, 34, DARK, "001010")}
${house(540, 96, 84, 36, NEAR, "101")}
${house(656, 112, 108, 0, NEAR, "0110100100")}
${house(792, 92, 92, 40, NEAR, "110011")}
${house(904, 104, 122, 28, NEAR, "010110001")}
${house(1028, 84, 84, 34, NEAR, "1001")}
${house(1122, 78, 96, 0, NEAR, "0110")}
<path d="M0 292h1200v8H0Z" fill="#10152f"/>
<g fill="none" stroke="#10152f" stroke-width="4"><path d="M696 292v-96q0-14 14-14h8"/><path d="M996 292v-96q0-14 14-14h8"/></g>
<g fill="url(#halo)"><circle cx="721" cy="186" r="44"/><circle cx="1021" cy="186" r="44"/></g><g fill="#fff3d3"><circle cx="721" cy="186" r="7"/><circle cx="1021" cy="186" r="7"/></g>
</svg>`;
