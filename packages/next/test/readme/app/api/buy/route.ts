// app/api/buy/route.ts
import { withKm } from "../../../lib/km";

export const POST = withKm(async (request) => {
  const { product, price } = await request.json();
  request.km.record("Bought", { Product: product, Price: price });
  return Response.json({ ok: true });
});
