/** A lamp, priced in whole euros. */
export interface Product {
  readonly slug: string;
  readonly name: string;
  readonly category: "Table" | "Floor" | "Pendant" | "Portable";
  readonly price: number;
  /** One line for the shelf. */
  readonly pitch: string;
  /** A few sentences for the lamp's own page. */
  readonly description: string;
  readonly made: string;
}

/** Everything the shop sells, in the order of the shelf. */
export const products: readonly Product[] = [
  {
    slug: "pebble",
    name: "Pebble",
    category: "Table",
    price: 79,
    pitch: "A round of opal glass for the bedside.",
    description:
      "Mouth-blown opal glass resting on a ring of walnut. Touch the ring once for reading, twice for company, and hold it for the last thing you see before sleep.",
    made: "Opal glass, walnut · 24 cm · 2700 K, dims to 1 %",
  },
  {
    slug: "paper-moon",
    name: "Paper Moon",
    category: "Pendant",
    price: 95,
    pitch: "Washi paper over bamboo, light as a sigh.",
    description:
      "Forty hoops of bamboo and one long sheet of washi, folded flat for the post and opened in a minute. Hung low over a table it makes any supper an occasion.",
    made: "Washi paper, bamboo · 56 cm across · 2700 K",
  },
  {
    slug: "heron",
    name: "Heron",
    category: "Table",
    price: 149,
    pitch: "A desk lamp that looks where you look.",
    description:
      "Two balanced arms, three brass joints and no springs to twang. Heron stays exactly where you leave it and keeps the light on the page and out of your eyes.",
    made: "Powder-coated steel, brass · 62 cm · 3000 K",
  },
  {
    slug: "willow",
    name: "Willow",
    category: "Floor",
    price: 259,
    pitch: "One long arc, for the good armchair.",
    description:
      "A bow of brushed brass rises from a marble foot and bends over your shoulder. You get the light of a pendant, and nobody has to drill into the ceiling.",
    made: "Brushed brass, marble · 188 cm · 2700 K",
  },
  {
    slug: "toadstool",
    name: "Toadstool",
    category: "Table",
    price: 119,
    pitch: "A cap of enamel with a glow beneath.",
    description:
      "Spun steel, enamelled in marigold and white inside, so that all of its light falls on the table. Children name it within the hour. Please tell us what they came up with.",
    made: "Enamelled steel · 38 cm · 2700 K",
  },
  {
    slug: "three-sisters",
    name: "Three Sisters",
    category: "Pendant",
    price: 189,
    pitch: "Amber, rose and sage, never quite alike.",
    description:
      "Three shades of coloured glass on one canopy, each blown without a mould. Hang them at three heights; they will look as though they were talking.",
    made: "Coloured glass, linen cord · up to 180 cm · 2400 K",
  },
  {
    slug: "lighthouse",
    name: "Lighthouse",
    category: "Floor",
    price: 229,
    pitch: "A linen drum on three oak legs.",
    description:
      "The legs are turned from one oak board and the drum is sewn, not glued. It lights a corner both up and down, which makes a small room feel like a larger one.",
    made: "Oak, natural linen · 152 cm · 2700 K",
  },
  {
    slug: "ember",
    name: "Ember",
    category: "Portable",
    price: 59,
    pitch: "A lantern for steps, tents and power cuts.",
    description:
      "Twenty hours on one charge, rain no matter, and a handle that your hand knows from somewhere. Take it out to the garden and stay until it is late.",
    made: "Aluminium, frosted glass · 21 cm · 1900 K, USB-C",
  },
];

const bySlug = new Map(products.map((product) => [product.slug, product]));

/** The product with that slug, if there is one. */
export function productOf(slug: string): Product | undefined {
  return bySlug.get(slug);
}
