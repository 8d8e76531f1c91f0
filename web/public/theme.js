// Before the first paint, so that a dark page never flashes white. A file of its own, for the
// Content-Security-Policy allows no inline script.
(() => {
  const chosen = localStorage.getItem('theme');
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  // Signing in has no frame around it.
  document.documentElement.dataset.frame = location.pathname.startsWith('/sign-in') ? 'none' : 'shell';
})();
