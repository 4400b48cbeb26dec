// app/api/webhook/route.ts
import { createKm } from "@kmkit/next";

export async function POST(request: Request) {
  const { id, customer, amount } = await request.json();
  createKm().as(customer).record("Paid", { Amount: amount }, { id });
  return new Response(null, { status: 204 });
}
