// A page that nobody has looked at for a while lets go of its connections: browsers have few of them for one host.

const PATIENCE = 60_000; // milliseconds

/** `hide()` is called when the page has been out of sight for a while, `show()` when it is seen again after that. */
export function background({ hide, show }) {
  let timer = 0;
  let hidden = false;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => {
        hidden = true;
        hide();
      }, PATIENCE);
    } else if (hidden) {
      hidden = false;
      show();
    }
  });
}
