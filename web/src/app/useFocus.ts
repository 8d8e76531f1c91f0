/**
 * Keeps the keyboard somewhere. On another page it goes to that page's heading, which is read aloud. Where what had it
 * is taken away (a row that is removed, a button that is no longer offered) it goes to what is nearest around that and
 * takes it, or to the heading. A page that puts it somewhere itself is left alone.
 */
import { useEffect, useRef } from 'react';
import { NavigationType } from 'react-router';

export function useFocus(pathname: string, type: NavigationType) {
  const here = useRef(pathname);
  // The page came, and its heading has not yet.
  const isArriving = useRef(false);

  useEffect(() => {
    /** What has it, and what is around that. */
    let chain: Element[] = [];
    const onFocusIn = (event: FocusEvent) => {
      chain = event.target instanceof Element ? ancestors(event.target) : [];
      isArriving.current = false;
    };
    // Whoever presses beside everything has let go of it.
    const onFocusOut = () => setTimeout(() => {
      if (isNowhere() && chain[0]?.isConnected) chain = [];
    });
    const keep = () => {
      if (!isNowhere()) return;
      if (isArriving.current) toHeading();
      else if (chain[0] && !chain[0].isConnected) {
        const around = chain.find((one) => one.isConnected && one instanceof HTMLElement && one.tabIndex >= 0);
        if (around instanceof HTMLElement) around.focus({ preventScroll: true });
        else toHeading();
      }
    };
    let asked: number | undefined;
    const observer = new MutationObserver(() => {
      if (!isArriving.current && (!chain[0] || chain[0].isConnected)) return;
      // Whatever takes it by itself has done so by then: a menu, a dialog that closes.
      clearTimeout(asked);
      asked = window.setTimeout(keep, SETTLED_MS);
    });
    observer.observe(document.body, { childList: true, subtree: true });
    document.addEventListener('focusin', onFocusIn);
    document.addEventListener('focusout', onFocusOut);
    return () => {
      observer.disconnect();
      clearTimeout(asked);
      document.removeEventListener('focusin', onFocusIn);
      document.removeEventListener('focusout', onFocusOut);
    };
  }, []);

  useEffect(() => {
    if (here.current === pathname) return;
    here.current = pathname;
    // An address that is put right, or leads on to a page: nobody has gone anywhere.
    if (type === NavigationType.Replace) return;
    const main = content();
    if (main && document.activeElement !== main && main.contains(document.activeElement)) return;
    isArriving.current = !toHeading();
  }, [pathname, type]);
}

/** Longer than a menu takes to give it back, and not noticed. */
const SETTLED_MS = 50;

const content = () => document.getElementById('content');
const isNowhere = () => document.activeElement === null || document.activeElement === document.body;

function ancestors(element: Element): Element[] {
  const all = [];
  for (let at: Element | null = element; at; at = at.parentElement) all.push(at);
  return all;
}

/** Whether there is one. */
function toHeading(): boolean {
  const heading = content()?.querySelector('h1');
  if (!heading) return false;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  return true;
}
