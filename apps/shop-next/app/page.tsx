import { euros, FREE_SHIPPING_FROM, products, street } from "@kmkit/shop";
import Link from "next/link";
import { Shelf } from "../components/shelf";
import { km } from "../lib/km";
import { getSession } from "../lib/session";

/** The shelf with all the lamps. */
export default async function Home() {
  (await km()).record("Viewed Homepage");
  const { member } = await getSession();
  return (
    <>
      <section className="hero">
        {/* biome-ignore lint/security/noDangerouslySetInnerHtml: the shop's own drawing */}
        <div dangerouslySetInnerHTML={{ __html: street.toString() }} />
        <div className="words">
          <h1>Lamps for the hour between day and night</h1>
          <p className="lead">{`Eight of them, to see by and to look at. Free shipping from ${euros(FREE_SHIPPING_FROM)}.`}</p>
        </div>
      </section>
      <section aria-labelledby="lamps">
        <h2 id="lamps">All lamps</h2>
        <Shelf products={products} />
      </section>
      {member === undefined && <Club />}
    </>
  );
}

function Club() {
  return (
    <section className="club" aria-labelledby="club">
      <div>
        <h2 id="club">The Blue Hour Club</h2>
        <p>Members can check out, hear of new lamps first, and as Pro they never pay for shipping.</p>
      </div>
      <Link className="button" href="/signup">
        Join the club
      </Link>
    </section>
  );
}
