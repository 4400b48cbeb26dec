import { euros, orderOf } from "@kmkit/shop";
import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { pay } from "../../actions/checkout";
import { Receipt } from "../../components/order";
import { getSession } from "../../lib/session";

export const metadata: Metadata = { title: "Check out" };

/** The last look before paying, for members only. */
export default async function CheckoutPage() {
  const { member, cart } = await getSession();
  if (member === undefined) redirect("/login?next=/checkout");
  const order = orderOf(cart, member);
  if (order.items === 0) redirect("/cart");
  return (
    <section className="narrow">
      <h1>Check out</h1>
      <p>
        Ordering as <strong>{member.email}</strong>.
      </p>
      <div className="card">
        <Receipt order={order} />
        <form action={pay}>
          <button type="submit" className="wide">{`Pay ${euros(order.total)}`}</button>
        </form>
        <p className="hint">This is a demo: there is no card to fill in, nothing is charged, and no lamp is sent.</p>
      </div>
      <p>
        <Link href="/cart">Back to the cart</Link>
      </p>
    </section>
  );
}
