/** Stands in the place of the playground where the server did not say who is signed in. */
export function Closed() {
  return (
    <main className="playground-closed">
      <div role="alert">
        <h1>The playground could not be opened</h1>
        <p>The server did not answer as it does: it may be starting or stopping, or the connection is cut.</p>
      </div>
      <p>
        <button type="button" onClick={() => window.location.reload()}>
          Try again
        </button>
        <a className="playground-home" href="/">
          Dashboard
        </a>
      </p>
    </main>
  );
}
