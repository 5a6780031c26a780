// Runs in the page before anything of its own: notes when numbered words appear, and when the first keys were pressed.
(() => {
  const seen = (window.bench = { at: [], count: 0, asked: 0, usable: 0, shown: 0 });
  const WORD = /\bw(\d+)e\b/g;

  const note = (text, now) => {
    for (const [, number] of text.matchAll(WORD)) {
      if (seen.at[number] !== undefined) continue;
      seen.at[number] = now; // not always in order: a new block may be put in before the old one's end
      seen.count += 1;
    }
  };

  new MutationObserver((changes) => {
    const now = performance.now();
    for (const { addedNodes, target, type } of changes) {
      if (type === "characterData") note(target.data, now);
      for (const node of addedNodes) note(node.textContent, now);
    }
  }).observe(document, { childList: true, characterData: true, subtree: true });

  addEventListener("keydown", (event) => {
    if (event.key === "Enter") seen.asked = performance.now();
  }, true);

  // Scripts that are deferred have run by then: the composer is wired.
  addEventListener("DOMContentLoaded", () => (seen.usable = performance.now()));

  const look = () => {
    const last = [...document.querySelectorAll("#messages > article")].pop();
    const box = last?.getBoundingClientRect();
    if (document.readyState !== "loading" && box && box.top < innerHeight && box.bottom > 0) seen.shown = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
