import { orderOf } from "@kmkit/shop";
import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { Receipt } from "../../components/order";
import { getSession } from "../../lib/session";

export const metadata: Metadata = { title: "Thank you" };

/** After paying. */
export default async function ThanksPage() {
  const { member, paid } = await getSession();
  if (member === undefined) redirect("/login?next=/checkout");
  if (paid === undefined) redirect("/");
  const order = orderOf(paid, member);
  return (
    <section className="narrow">
      <p className="seal" aria-hidden="true">
        ✓
      </p>
      <h1>{member.name ? `Thank you, ${member.name}` : "Thank you"}</h1>
      <p className="lead">
        {`Your order is in. If this were a real shop, ${order.items === 1 ? "a lamp" : `${order.items} lamps`} would be on the way to you.`}
      </p>
      <div className="card">
        <Receipt order={order} />
      </div>
      <p>
        <Link className="button" href="/">
          Back to the lamps
        </Link>
      </p>
    </section>
  );
}
