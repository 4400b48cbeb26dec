import { demo, loginForm } from "@kmkit/shop";
import type { Metadata } from "next";
import Link from "next/link";
import { Fragment } from "react";
import { LoginForm } from "../../components/login-form";

export const metadata: Metadata = { title: "Log in" };

/** The form to log in, with the demo accounts beside it. */
export default async function LoginPage({ searchParams }: PageProps<"/login">) {
  const { next } = loginForm(await searchParams);
  return (
    <section className="narrow">
      <h1>Log in</h1>
      {next === "/checkout" && <p className="lead">One step before paying: tell us who you are.</p>}
      <LoginForm next={next} />
      <aside className="demo" aria-label="Demo accounts">
        <p>
          <strong>Demo accounts</strong>
        </p>
        <p>
          {demo.members.map(({ email }, at) => (
            <Fragment key={email}>
              {at > 0 && " or "}
              <code>{email}</code>
            </Fragment>
          ))}
          , password <code>{demo.password}</code>
        </p>
      </aside>
      <p>
        Not a member yet? <Link href={`/signup?next=${encodeURIComponent(next)}`}>Join the club</Link>
      </p>
    </section>
  );
}
