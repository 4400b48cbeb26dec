import type { ReactNode } from "react";

/** A page that only has to say something. */
export function Notice({ title, text, children }: { readonly title: string; readonly text: string; readonly children: ReactNode }) {
  return (
    <section className="notice">
      <h1>{title}</h1>
      <p className="lead">{text}</p>
      <p>{children}</p>
    </section>
  );
}
