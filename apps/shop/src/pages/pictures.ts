import { type Html, html } from "../html.ts";
import type { Product } from "../products.ts";

/** The picture of a product: its lamp, lit, in a room at dusk. Decorative, as its name always stands beside it. */
export function picture({ slug }: Product): Html {
  const room = rooms[slug];
  if (room === undefined) return html``;
  const { high, low, ground, glow, lamp } = room;
  return html`<svg class="picture" viewBox="0 0 400 400" aria-hidden="true">
<defs>
<linearGradient id="${slug}-wall" x2="0" y2="1"><stop stop-color="${high}"/><stop offset="1" stop-color="${low}"/></linearGradient>
<radialGradient id="${slug}-glow"><stop stop-color="#ffdf9e" stop-opacity=".8"/><stop offset=".4" stop-color="#ffc46b" stop-opacity=".32"/><stop offset="1" stop-color="#ffb454" stop-opacity="0"/></radialGradient>
<linearGradient id="${slug}-beam" x2="0" y2="1"><stop stop-color="#ffe2a8" stop-opacity=".62"/><stop offset="1" stop-color="#ffd58a" stop-opacity=".06"/></linearGradient>
<radialGradient id="${slug}-lit" cx=".5" cy=".58"><stop stop-color="#fffaf0"/><stop offset=".55" stop-color="#ffecc4"/><stop offset="1" stop-color="#fbc878"/></radialGradient>
</defs>
<rect width="400" height="400" fill="url(#${slug}-wall)"/>
${ground !== undefined && html`<rect y="${ground.y}" width="400" height="${400 - ground.y}" fill="${ground.fill}"/>`}
${ground !== undefined && html`<ellipse cx="${glow.x}" cy="${ground.y + 14}" rx="170" ry="22" fill="url(#${slug}-glow)"/>`}
<circle cx="${glow.x}" cy="${glow.y}" r="${glow.r}" fill="url(#${slug}-glow)"/>
${lamp(slug)}
</svg>`;
}

interface Room {
  readonly high: string;
  readonly low: string;
  readonly ground?: { readonly y: number; readonly fill: string };
  readonly glow: { readonly x: number; readonly y: number; readonly r: number };
  readonly lamp: (id: string) => Html;
}

const rooms: Record<string, Room> = {
  pebble: {
    high: "#2a2f5b",
    low: "#7a6390",
    ground: { y: 312, fill: "#2b2142" },
    glow: { x: 200, y: 235, r: 190 },
    lamp: (id) => html`<path d="M150 300h100l-8 18h-84Z" fill="#7b4d2e"/><path d="M150 300h100l-3 6h-94Z" fill="#a26d44"/>
<ellipse cx="200" cy="232" rx="88" ry="76" fill="url(#${id}-lit)"/>
<path d="M296 318v-26h34v26a10 10 0 0 1-10 8h-14a10 10 0 0 1-10-8Z" fill="#c96f5a"/><path d="M330 298q14 2 8 14-3 6-9 5" fill="none" stroke="#c96f5a" stroke-width="5"/>`,
  },
  "paper-moon": {
    high: "#221d4b",
    low: "#a3597c",
    glow: { x: 200, y: 205, r: 205 },
    lamp: (
      id,
    ) => html`<path d="M200 0v92" stroke="#120f2c" stroke-width="4"/><rect x="182" y="88" width="36" height="10" rx="3" fill="#3b2a1f"/>
<circle cx="200" cy="208" r="114" fill="url(#${id}-lit)"/>
<g fill="none" stroke="#c98d45" stroke-opacity=".45" stroke-width="2">${[-90, -64, -36, -8, 20, 48, 76, 98].map((down) => {
      const reach = Math.round(Math.sqrt(114 ** 2 - down ** 2));
      return html`<path d="M${200 - reach} ${208 + down}q${reach} ${14 + Math.round(down / 9)} ${2 * reach} 0"/>`;
    })}</g><rect x="184" y="318" width="32" height="8" rx="3" fill="#3b2a1f"/>`,
  },
  heron: {
    high: "#123c48",
    low: "#4f8f88",
    ground: { y: 322, fill: "#0f2c33" },
    glow: { x: 150, y: 190, r: 165 },
    lamp: (id) => html`<path d="M104 186 62 326h176L176 158Z" fill="url(#${id}-beam)"/>
<path d="M276 314 306 196 172 118" fill="none" stroke="#e8d9bd" stroke-width="8" stroke-linejoin="round" stroke-linecap="round"/>
<circle cx="306" cy="196" r="10" fill="#c79a4b"/><circle cx="276" cy="308" r="9" fill="#c79a4b"/>
<path d="M222 324a54 18 0 0 1 108 0Z" fill="#e8d9bd"/>
<ellipse cx="140" cy="172" rx="40" ry="15" transform="rotate(-21 140 172)" fill="#fff3d3"/>
<path d="M102 188C104 150 124 118 152 108l34 6c10 12 10 30-8 46Z" fill="#df5b43"/><path d="M102 188C104 150 124 118 152 108l10 2c-24 16-40 40-44 72Z" fill="#f07a5c"/><circle cx="174" cy="118" r="9" fill="#c79a4b"/>
<g transform="translate(70 300)"><path d="M0 12h92v12H0Z" fill="#d8b56a"/><path d="M6 0h78v12H6Z" fill="#f1e6d0"/></g>`,
  },
  willow: {
    high: "#1c2a4d",
    low: "#6f8fb3",
    ground: { y: 336, fill: "#18223d" },
    glow: { x: 128, y: 190, r: 165 },
    lamp: (id) => html`<path d="M76 184 30 350h190l-44-166Z" fill="url(#${id}-beam)"/>
<path d="M314 344V190C314 44 126 18 126 132" fill="none" stroke="#d6ad5f" stroke-width="6"/><path d="M270 352a44 14 0 0 1 88 0Z" fill="#f0ece6"/><path d="M292 342l30 10" stroke="#b9b4ac" stroke-width="2"/>
<ellipse cx="126" cy="184" rx="56" ry="9" fill="#fff3d3"/><path d="M68 184a58 58 0 0 1 116 0Z" fill="#d6ad5f"/><path d="M68 184a58 58 0 0 1 58-58c-24 10-36 30-38 58Z" fill="#f0cd86"/>
<path d="M52 372v-66a22 22 0 0 1 44 0v10h74v-10a22 22 0 0 1 44 0v66Z" fill="#8d3f4c"/><path d="M86 316v-36a20 20 0 0 1 20-20h54a20 20 0 0 1 20 20v36Z" fill="#a54f5c"/><rect x="88" y="312" width="90" height="24" rx="8" fill="#bd6670"/><path d="M62 372h8v12h-8Zm134 0h8v12h-8Z" fill="#2c1a14"/>`,
  },
  toadstool: {
    high: "#1d352c",
    low: "#6c8f63",
    ground: { y: 314, fill: "#16281f" },
    glow: { x: 200, y: 236, r: 170 },
    lamp: (id) => html`<path d="M104 214 70 322h260L296 214Z" fill="url(#${id}-beam)"/>
<path d="M180 210c4 46-2 84-26 112h92c-24-28-30-66-26-112Z" fill="#f6ead2"/><path d="M206 210c6 46 2 84 14 112h26c-24-28-30-66-26-112Z" fill="#d9c7a3"/>
<ellipse cx="200" cy="212" rx="106" ry="16" fill="#fff6df"/><path d="M92 214c0-76 52-116 108-116s108 40 108 116c-20-14-196-14-216 0Z" fill="#e9a227"/><path d="M92 214c0-76 52-116 108-116-44 12-72 52-76 105-14 2-26 6-32 11Z" fill="#f6bd4d"/>`,
  },
  "three-sisters": {
    high: "#33223f",
    low: "#a06a6c",
    glow: { x: 200, y: 205, r: 200 },
    lamp: () => html`<path d="M104 0v130M200 0v200M296 0v104" stroke="#191022" stroke-width="3"/>
${[
  { x: 104, y: 126, glass: "#f0a73e", shape: "M-14 0h28c2 34 36 48 36 92a50 50 0 0 1-100 0c0-44 34-58 36-92Z" },
  { x: 200, y: 194, glass: "#e58a8f", shape: "M-12 0h24c0 14 50 22 50 66a62 62 0 0 1-124 0c0-44 50-52 50-66Z" },
  { x: 296, y: 100, glass: "#9fbf8a", shape: "M-12 0h24c6 20 26 24 28 52l8 76q-48 22-96 0l8-76c2-28 22-32 28-52Z" },
].map(
  ({ x, y, glass, shape }) => html`<g transform="translate(${x} ${y})"><path d="${shape}" fill="${glass}" fill-opacity=".88"/>
<circle cy="72" r="34" fill="#ffe9b8" opacity=".45"/><circle cy="72" r="19" fill="#fffaf0"/><rect x="-14" y="-8" width="28" height="14" rx="3" fill="#2a1c31"/></g>`,
)}`,
  },
  lighthouse: {
    high: "#4e2436",
    low: "#c8775a",
    ground: { y: 344, fill: "#301724" },
    glow: { x: 200, y: 150, r: 195 },
    lamp: (
      id,
    ) => html`<path d="M142 86 92 0h216l-50 86Z" fill="url(#${id}-beam)" opacity=".6"/><path d="M126 194 84 356h232l-42-162Z" fill="url(#${id}-beam)" opacity=".75"/>
<path d="M196 192 134 360M204 192l62 168M200 192v150" stroke="#8a5a34" stroke-width="9" stroke-linecap="round"/><path d="M164 280h72" stroke="#6d4527" stroke-width="5"/>
<path d="M142 84h116l18 112H124Z" fill="url(#${id}-lit)"/><path d="M142 84h116l1 7H141ZM125 189h150l1 7H124Z" fill="#d9a458"/>`,
  },
  ember: {
    high: "#0c1733",
    low: "#41658a",
    ground: { y: 318, fill: "#0d1a2b" },
    glow: { x: 200, y: 225, r: 180 },
    lamp: (id) => html`<g fill="#f4ecd6">${[
      [52, 60],
      [98, 128],
      [150, 40],
      [300, 52],
      [352, 118],
      [330, 190],
      [40, 200],
    ].map(
      ([x, y], at) => html`<circle cx="${x}" cy="${y}" r="${at % 2 === 0 ? 2.4 : 1.6}"/>`,
    )}</g><path d="M300 84a26 26 0 1 0 34 34 30 30 0 0 1-34-34Z" fill="#f4ecd6"/>
<path d="M158 164C150 78 250 78 242 164" fill="none" stroke="#2f6f66" stroke-width="8"/>
<rect x="154" y="172" width="92" height="106" rx="10" fill="url(#${id}-lit)"/><path d="M200 196c18 24 22 34 22 44a22 22 0 0 1-44 0c0-10 8-18 22-44Z" fill="#f5a03c"/><path d="M200 222c8 12 11 17 11 23a11 11 0 0 1-22 0c0-6 4-10 11-23Z" fill="#fff3d3"/>
<path d="M176 172v106M224 172v106" stroke="#2f6f66" stroke-width="5"/><rect x="142" y="158" width="116" height="18" rx="9" fill="#3d8a7f"/><rect x="142" y="274" width="116" height="50" rx="12" fill="#3d8a7f"/><rect x="142" y="274" width="116" height="16" rx="8" fill="#4fa498"/><circle cx="200" cy="306" r="6" fill="#ffd58a"/>`,
  },
};
