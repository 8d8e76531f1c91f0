/**
 * GraphiQL 5.4 draws its tabs as buttons inside elements with the role of a tab, which assistive
 * technology cannot enter. Said as what they are, a list of buttons of which one is current, they
 * can be used. To be deleted when GraphiQL does better.
 */
export function nameTabsRight(within: HTMLElement): () => void {
  const right = () => {
    for (const list of within.querySelectorAll('.graphiql-tabs[role=tablist]')) list.setAttribute('role', 'list');
    for (const tab of within.querySelectorAll('.graphiql-tab[role=tab]')) tab.setAttribute('role', 'listitem');
    for (const tab of within.querySelectorAll('.graphiql-tab[aria-selected]')) {
      const button = tab.querySelector('button');
      if (tab.getAttribute('aria-selected') === 'true') button?.setAttribute('aria-current', 'page');
      else button?.removeAttribute('aria-current');
      tab.removeAttribute('aria-selected');
    }
    for (const panel of within.querySelectorAll('#graphiql-session[role=tabpanel]')) panel.setAttribute('role', 'group');
  };
  right();
  const observer = new MutationObserver(right);
  observer.observe(within, { subtree: true, childList: true, attributes: true, attributeFilter: ['role', 'aria-selected'] });
  return () => observer.disconnect();
}
