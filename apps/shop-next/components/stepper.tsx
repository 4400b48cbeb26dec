"use client";

import { useRouter } from "next/navigation";
import { useOptimistic, useSyncExternalStore, useTransition } from "react";
import styles from "./stepper.module.css";

interface StepperProps {
  readonly slug: string;
  readonly name: string;
  readonly quantity: number;
}

/** Changes how many of a lamp lie in the cart. Not there without JavaScript: then Remove is. */
export function Stepper({ slug, name, quantity }: StepperProps) {
  const router = useRouter();
  const [pending, start] = useTransition();
  const [shown, show] = useOptimistic(quantity);
  const alive = useSyncExternalStore(never, yes, no);
  if (!alive) return null;

  const change = (to: number) => {
    // One after the other, as each answer brings the whole session. Not by `disabled`: the focus would be lost.
    if (pending) return;
    start(async () => {
      show(to);
      await fetch("/api/cart", { method: "PUT", body: JSON.stringify({ slug, quantity: to }) });
      router.refresh();
    });
  };
  return (
    <fieldset className={styles.stepper}>
      <legend className="unseen">How many of {name}</legend>
      <button type="button" aria-label="One less" disabled={shown <= 1} onClick={() => change(shown - 1)}>
        −
      </button>
      <output>{shown}</output>
      <button type="button" aria-label="One more" onClick={() => change(shown + 1)}>
        +
      </button>
    </fieldset>
  );
}

const never = () => () => {};
const yes = () => true;
const no = () => false;
