import { add, orderOf, productOf } from "@kmkit/shop";
import { withKm } from "../../../lib/km";
import { getSession } from "../../../lib/session";

/** Sets how many of a lamp lie in the cart, for the page that does so without loading anew. */
export const PUT = withKm(async (request) => {
  const { slug, quantity } = await bodyOf(request);
  const product = productOf(String(slug));
  if (product === undefined) return Response.json({ problem: "There is no such lamp." }, { status: 404 });
  if (typeof quantity !== "number" || !Number.isInteger(quantity) || quantity < 1 || quantity > 99) {
    return Response.json({ problem: "Choose a quantity from 1 to 99." }, { status: 422 });
  }

  const session = await getSession();
  const more = quantity - (session.cart?.[product.slug] ?? 0);
  session.cart = add(session.cart, product.slug, more);
  await session.save();
  if (more > 0) request.km.record("Added To Cart", { Product: product.name, Price: product.price, Quantity: more });
  return Response.json({ items: orderOf(session.cart, session.member).items });
});

async function bodyOf(request: Request): Promise<{ slug?: unknown; quantity?: unknown }> {
  try {
    return ((await request.json()) as object | null) ?? {};
  } catch {
    return {};
  }
}
