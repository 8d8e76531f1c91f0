/** The frame until the first part of the page is there: what `index.html` shows until the script runs. */
export function Boot() {
  return (
    <div className="boot">
      <svg viewBox="0 0 32 32" role="img" aria-label="Loading">
        <rect width="32" height="32" rx="8" fill="#5b5bd6" />
        <path d="M9 22.5 15 9.5h2l6 13" fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round" strokeLinejoin="round" />
        <circle cx="16" cy="19" r="2.2" fill="#fff" />
      </svg>
    </div>
  );
}
