// For who shares conversations: “@” and the beginning of a name, and a choice of whom it may mean.
(() => {
  "use strict";

  const WAIT = 120; // ms after the last key
  const question = () => byId("question");
  const list = () => byId("names");
  const options = () => [...(list()?.children ?? [])]; // who may only read has no list
  const chosen = () => options().find((it) => it.ariaSelected === "true");
  let waiting = 0;
  let wanted = null; // the words that were looked for last
  let settled = null; // words to offer nothing for, nor for longer ones: chosen, nobody's, or sent away

  /** What stands between an “@” and the caret. */
  function begun({ value, selectionStart, selectionEnd }) {
    const before = selectionStart === selectionEnd ? value.slice(0, selectionStart) : "";
    return before.match(/(?<![\p{L}\p{N}_])@([^@\n]{0,40})$/u)?.[1] ?? null;
  }

  function typed() {
    clearTimeout(waiting);
    wanted = begun(question());
    if (wanted === null) settled = null;
    const isShared = byId("cursor")?.matches("[data-shared]");
    const isSettled = wanted === null || (settled !== null && wanted.startsWith(settled));
    if (!isShared || isSettled) return show("");
    weed(wanted);
    waiting = setTimeout(look, WAIT, wanted);
  }

  /** Enter takes nobody who is not meant by now. */
  function weed(words) {
    for (const it of options()) if (!` ${it.textContent}`.toLowerCase().includes(` ${words}`.toLowerCase())) it.remove();
    point(chosen() ?? options()[0]);
  }

  async function look(words) {
    const address = `${byId("link").dataset.names}?${new URLSearchParams({ find: words })}`;
    const reply = await fetch(address, { redirect: "error" }).catch(() => {});
    const found = reply?.ok ? await reply.text() : "";
    if (words !== wanted || document.activeElement !== question()) return;
    show(found);
    if (!options().length) settled = words;
  }

  function show(found) {
    if (!found && !options().length) return;
    const name = chosen()?.textContent;
    list().replaceChildren(...parsed(found).body.children);
    point(options().find((it) => it.textContent === name) ?? options()[0]);
  }

  function point(option) {
    for (const it of options()) it.ariaSelected = it === option;
    question().setAttribute("aria-autocomplete", "list");
    question().setAttribute("aria-controls", "names");
    if (option) question().setAttribute("aria-activedescendant", option.id);
    else question().removeAttribute("aria-activedescendant");
  }

  function take({ textContent }) {
    const end = question().selectionStart;
    settled = `${textContent} `;
    question().setRangeText(settled, end - wanted.length, end, "end");
    question().dispatchEvent(new Event("input", { bubbles: true }));
  }

  function sendAway() {
    settled = wanted;
    show("");
  }

  document.addEventListener("input", ({ target }) => target.id === "question" && typed());

  // Before the page's own keys: Enter would send.
  document.addEventListener("keydown", (event) => {
    const all = options();
    if (!all.length || event.target !== question() || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const now = all.indexOf(chosen());
    const deed = {
      ArrowDown: () => point(all[(now + 1) % all.length]),
      ArrowUp: () => point(all.at(now - 1)),
      Enter: () => take(all[now]),
      Tab: () => take(all[now]),
      Escape: sendAway,
    }[event.key];
    if (!deed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    deed();
  }, true);

  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest?.("#names > li");
    if (!option) return;
    event.preventDefault(); // the focus stays where one types
    take(option);
  });

  document.addEventListener("selectionchange", () => options().length && begun(question()) !== wanted && show(""));
  document.addEventListener("focusout", ({ target }) => target === question() && show(""));
})();
