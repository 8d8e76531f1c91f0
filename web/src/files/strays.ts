/**
 * A file that is dropped beside the place for it. The browser would open it instead of the page, and what was written on
 * the page would be gone: nothing happens instead.
 */
export function refuseStrayDrops(): void {
  for (const what of ['dragover', 'drop'] as const) {
    // After the page's own, which take what is meant for them.
    window.addEventListener(what, (event) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'none';
    });
  }
}
