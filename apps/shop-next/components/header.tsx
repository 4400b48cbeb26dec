import { orderOf } from "@kmkit/shop";
import Link from "next/link";
import { logOut } from "../actions/membership";
import { getSession } from "../lib/session";
import { NavLink } from "./nav-link";

export async function Header() {
  const { member, cart } = await getSession();
  return (
    <header className="top">
      <Link className="brand" href="/">
        <Mark /> Blue Hour
      </Link>
      <nav aria-label="Shop">
        <NavLink href="/">Lamps</NavLink>
        {member === undefined && <NavLink href="/signup">The Club</NavLink>}
        {member === undefined && <NavLink href="/login">Log in</NavLink>}
        {member !== undefined && (
          <form action={logOut}>
            <span className="who">{member.name || member.email}</span>{" "}
            <button type="submit" className="plain">
              Log out
            </button>
          </form>
        )}
        <NavLink href="/cart">
          Cart{" "}
          <span className="count">
            <span className="unseen">, lamps in it: </span>
            {orderOf(cart).items}
          </span>
        </NavLink>
      </nav>
    </header>
  );
}

function Mark() {
  return (
    <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="12" r="12" fill="#26305f" />
      <path d="M0 14h24a12 12 0 0 1-24 0Z" fill="#f2a65a" />
      <circle cx="12" cy="11" r="4.5" fill="#ffe3ae" />
    </svg>
  );
}
